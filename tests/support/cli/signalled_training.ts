// A training on two ranks under the launcher that gets a signal in a given phase.

import { childrenOf, isLeft, sendSignal } from "./processes.ts";
import { flagsFor } from "./train_command.ts";
import type { SmallFiles } from "../train/small_gpt2.ts";
import { namesIn } from "../temporary_folder.ts";

/** When the signal is sent. */
export type Phase =
  | "start"
  | "loading"
  | "first step"
  | "steps"
  | "evaluation"
  | "checkpoint"
  | "saving";

/** Who gets it. */
export type Target = "launcher" | "rank 0" | "rank 1" | "group";

/** How the launcher ended. */
export interface SignalledRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From the signal to the end of the launcher. */
  readonly tookMs: number;
  /** Processes of the job that were left. */
  readonly left: readonly number[];
}

/** The folders that the training writes. */
export function outputsIn(folder: string) {
  return { trained: `${folder}/trained`, checkpoints: `${folder}/run` };
}

/** Runs a training and sends it a signal. */
export async function signalledTraining(
  files: SmallFiles,
  { signal, target, phase }: {
    readonly signal: Deno.Signal;
    readonly target: Target;
    readonly phase: Phase;
  },
): Promise<SignalledRun> {
  const { trained, checkpoints } = outputsIn(files.folder);
  // While it loads, it waits for an answer of the hub.
  using hub = new SilentServer();
  const steps = phase === "saving" ? "3" : "100000";
  const flags = [
    ...flagsFor({ ...files, model: phase === "loading" ? "nobody/nothing" : files.model }),
    ...["--schedule", "constant", "--steps", steps, "--eval", "3", "--eval-tokens", "3000"],
    ...["--batch", "48", "--checkpoints", checkpoints, "--checkpoint-every", "2"],
    ...["--save", trained],
    // A step that takes seconds.
    ...(phase === "first step" ? ["--accumulate", "60"] : []),
  ];
  const launcher = ["-P=train", "--config", CONFIG, LAUNCH, "--ranks", "2", "--grace", "60"];
  const child = new Deno.Command("setsid", {
    args: ["--wait", Deno.execPath(), "run", "--quiet", ...launcher, TRAIN, ...flags],
    env: { NO_COLOR: "1", HF_ENDPOINT: hub.url, HF_HOME: `${files.folder}/hub` },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = { stdout: "", stderr: "" };
  const reading = (["stdout", "stderr"] as const).map(async (stream) => {
    for await (const text of child[stream].pipeThrough(new TextDecoderStream())) {
      output[stream] += text;
    }
  });
  let hasEnded = false;
  const ended = child.status.then((status) => {
    hasEnded = true;
    return status;
  });
  const until = async (isReached: () => boolean | Promise<boolean>) => {
    while (!hasEnded && !await isReached()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const job = async () => {
    // setsid forks where it leads a group already.
    const [first] = await childrenOf(child.pid);
    const launcher = first === undefined || (await childrenOf(first)).length === 0
      ? child.pid
      : first;
    return { launcher, ranks: await childrenOf(launcher) };
  };
  let pids = await job();
  await until(async () => (pids = await job()).ranks.length === 2);
  const reached: Record<Phase, () => boolean | Promise<boolean>> = {
    "start": () => true,
    "loading": () => hub.isAsked,
    "first step": () => output.stdout.includes('"kind":"evaluation","step":0'),
    "steps": () => output.stdout.includes('"kind":"step","step":4,'),
    "evaluation": () => output.stdout.includes('"kind":"step","step":3,'),
    "checkpoint": () => hasTemporary(checkpoints, ".step-"),
    // One is made and removed before training, too.
    "saving": async () =>
      output.stdout.includes('"kind":"step","step":3,') &&
      await hasTemporary(files.folder, ".trained.saving-"),
  };
  await until(reached[phase]);
  const id = {
    "launcher": pids.launcher,
    "rank 0": pids.ranks[0],
    "rank 1": pids.ranks[1],
    "group": -pids.launcher,
  }[target];
  const begin = performance.now();
  await sendSignal(signal, id);
  const { code } = await ended;
  const tookMs = performance.now() - begin;
  await Promise.all(reading);
  const left: number[] = [];
  for (const pid of pids.ranks) if (await isLeft(pid)) left.push(pid);
  return { code, ...output, tookMs, left };
}

/** Takes connections and says nothing. */
class SilentServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  readonly url = `http://127.0.0.1:${this.#listener.addr.port}`;

  constructor() {
    void (async () => {
      for await (const connection of this.#listener) this.#connections.push(connection);
    })();
  }

  get isAsked(): boolean {
    return this.#connections.length > 0;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
  }
}

async function hasTemporary(folder: string, prefix: string): Promise<boolean> {
  return (await namesIn(folder).catch(() => [])).some((name) => name.startsWith(prefix));
}

const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;
const TRAIN = new URL("../../../src/cli/train.ts", import.meta.url).href;
const LAUNCH = new URL("../../../src/cli/launch.ts", import.meta.url).href;
