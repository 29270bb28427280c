// Trainings under random signals, kills and restarts: each ends, leaves no process, and goes on to the bits of one that was left alone.
//
// MESHFACTOR_SOAK=250 runs so many; MESHFACTOR_SEED chooses others. Without it one runs.

import assert from "node:assert/strict";
import { childrenOf, isLeft, sendSignal } from "../support/cli/processes.ts";
import { flagsFor } from "../support/cli/train_command.ts";
import { randomBelow } from "../support/distributed/random_below.ts";
import { type SmallFiles, withSmallFiles } from "../support/train/small_gpt2.ts";

const NUM_JOBS = Number(Deno.env.get("MESHFACTOR_SOAK") || 1);
const SEED = Number(Deno.env.get("MESHFACTOR_SEED") || 1);
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const LAUNCH = new URL("../../src/cli/launch.ts", import.meta.url).href;
const TRAIN = new URL("../../src/cli/train.ts", import.meta.url).href;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGKILL", "SIGKILL"] as const;

Deno.test({
  name:
    `${NUM_JOBS} trainings under random signals, kills and restarts go on to the bits of one that is left alone`,
  ignore: Deno.build.os !== "linux",
  async fn(t) {
    await withSmallFiles(async (files) => {
      const wholes = new Map<number, Uint8Array>();
      for (let job = 0; job < NUM_JOBS; job++) {
        const random = randomBelow(SEED + job);
        const ranks = 1 + random(3);
        const folder = `${files.folder}/${job}`;
        if (!wholes.has(ranks)) {
          const whole = await finish(files, { folder: `${files.folder}/whole-${ranks}`, ranks });
          wholes.set(ranks, whole);
        }
        const history = await disturb(files, { folder, ranks, random });
        await t.step(`job ${job}: ${history.join("; ")}`, async () => {
          const weights = await finish(files, { folder, ranks });
          assert.deepEqual(weights, wholes.get(ranks));
        });
        await Deno.remove(folder, { recursive: true });
      }
    });
  },
});

interface Job {
  readonly folder: string;
  readonly ranks: number;
}

/** Runs a training while signals are sent; returns what happened. @throws {Error} if it does not end, or leaves processes */
async function disturb(
  files: SmallFiles,
  { random, ...job }: Job & { readonly random: (limit: number) => number },
): Promise<string[]> {
  await Deno.mkdir(job.folder, { recursive: true });
  const every = String(1 + random(7));
  const options = ["--max-restarts", String(random(3)), "--checkpoint-every", every];
  const child = start(files, job, options).spawn();
  const history: string[] = [];
  const seen = new Set<number>();
  let hasEnded = false;
  const ended = Promise.all([
    child.status.finally(() => hasEnded = true),
    new Response(child.stderr).text(),
    child.stdout.cancel(),
  ]);
  const begin = performance.now();
  for (let left = 1 + random(3); left > 0 && !hasEnded; left--) {
    await pause(random(1500));
    const ranks = await childrenOf(child.pid);
    for (const pid of ranks) seen.add(pid);
    const targets = [child.pid, -child.pid, ...ranks, ...ranks];
    const target = targets[random(targets.length)];
    const signal = SIGNALS[random(SIGNALS.length)];
    const who = target === child.pid
      ? "launcher"
      : target < 0
      ? "group"
      : `rank ${ranks.indexOf(target)}`;
    history.push(`${signal} to ${who}`);
    if (!hasEnded) await sendSignal(signal, target);
  }
  const watch = setInterval(async () => {
    for (const pid of await childrenOf(child.pid)) seen.add(pid);
  }, 50);
  const limit = setTimeout(() => {
    // It is a failure, and is to end all the same.
    history.push("it hung");
    for (const pid of [...seen, child.pid]) void sendSignal("SIGKILL", pid);
  }, LONGEST_MS);
  const [{ code }, stderr] = await ended;
  clearInterval(watch);
  clearTimeout(limit);
  history.push(`code ${code} after ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  const said = `${history.join("; ")}\n${stderr}`;
  assert.ok(!history.includes("it hung"), said);
  assert.ok(CODES.includes(code), said);
  assert.doesNotMatch(stderr, /panicked|TypeError|ReferenceError/, said);
  for (const pid of seen) {
    for (const since = performance.now(); await isLeft(pid);) {
      assert.ok(performance.now() - since < 10_000, `process ${pid} is left: ${said}`);
      await pause(50);
    }
  }
  return history;
}

/** Runs the training to its end, and returns the bytes of its model. */
async function finish(files: SmallFiles, job: Job): Promise<Uint8Array> {
  await Deno.mkdir(job.folder, { recursive: true });
  const { code, stderr } = await start(files, job, []).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return await Deno.readFile(`${job.folder}/model/model.safetensors`);
}

/** In a process group of its own. */
function start(
  files: SmallFiles,
  { folder, ranks }: Job,
  options: readonly string[],
): Deno.Command {
  const restarts = options.slice(0, 2);
  const flags = ["--steps", "60", "--eval", "20", "--resume", "--checkpoints", `${folder}/run`]
    .concat(["--save", `${folder}/model`, "--log", `${folder}/log`, ...options.slice(2)]);
  return new Deno.Command("setsid", {
    args: [Deno.execPath(), "run", "--quiet", "-P=train", "--config", CONFIG, LAUNCH]
      .concat(["--ranks", String(ranks), "--grace", "20", ...restarts, TRAIN])
      .concat([...flagsFor(files), ...flags]),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Those of the launcher, and 128 + n if a signal ended it: SIGKILL, or another before it listened. */
const CODES = [0, 130, 137, 129, 131, 143];
const LONGEST_MS = 90_000;
