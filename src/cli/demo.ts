// The demo: trains a small GPT-2 on the bytes of text on several ranks, shows its progress, trains it again on one rank, and compares
// the losses of both with each other and with an n-gram baseline.
//
//   ./run demo [--steps n] [--ranks n] [--tensor n] [--zero n] [--device kind] [--data paths...] [--seed n]

// Its published types include Node's, which disagree with Deno's on events.
import { SingleBar } from "cli-progress";
import { launchLocalRanks } from "../distributed/launcher/local_ranks.ts";
import type { RankLine } from "../distributed/launcher/rank_output.ts";
import { splitCorpus } from "../train/corpus.ts";
import { readText } from "../train/text_files.ts";
import { heldOutStarts } from "../train/tasks/causal_windows.ts";
import type { TrainingEvent } from "../train/training_options.ts";
import { Order2Baseline } from "../train/order2_baseline.ts";
import { Interrupt } from "./interrupt.ts";
import { demoFlags, type DemoOptions, parseDemoOptions } from "./demo_options.ts";
import type { DemoMessage } from "./demo_rank.ts";
import { DEFAULT_STEPS, demoTraining } from "./demo_training.ts";
import { USAGE_CODE } from "./usage.ts";
import { compareLosses, summarize } from "./demo_summary.ts";

/** Runs the demo and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const given = parseDemoOptions(args);
  const { ranks, tensor, zero } = given;
  const mesh = ranks === 1 ? "1 rank" : `${ranks} ranks (${tensor} x ${zero})`;
  // A snapshot, so that both trainings and all ranks read the same text even if files change.
  await using snapshot = await takeSnapshot(given).catch((error) => {
    console.error(`error: ${error.message}`);
    return undefined;
  });
  if (snapshot === undefined) return USAGE_CODE;
  using interrupt = new Interrupt();
  const options = { ...given, data: [snapshot.path], signal: interrupt.signal };

  const { numBytes, numFiles, order2Loss } = snapshot;
  console.log(
    `${numBytes} bytes of text from ${counted(numFiles, "file")}, of which a tenth is held out; ` +
      `an order-2 byte model loses ${order2Loss.toFixed(4)} nats per byte there`,
  );
  const split = await train(options, mesh);
  if (split === undefined) return 1;
  console.log(`\n--- the model continues "${printable(split.prompt)}" ---`);
  console.log(`${printable(split.sample)}\n---\n`);
  const whole = ranks === 1
    ? undefined
    : await train({ ...options, ranks: 1, tensor: 1, zero: 1 }, "1 rank");
  if (ranks > 1 && whole === undefined) return 1;

  const isDefault = given.data.length === 0 && given.steps >= DEFAULT_STEPS;
  const differences = whole && compareLosses(split.losses, whole.losses);
  const { lines, problems } = summarize({
    mesh,
    differences,
    order2Loss,
    isDefault,
    device: split.device,
    heldOutBefore: split.heldOut[0],
    heldOutAfter: split.heldOut[1],
  });
  if (whole?.sample === split.sample) {
    console.log(`1 rank writes the same ${split.sample.length} characters.`);
  }
  for (const line of lines) console.log(line);
  for (const problem of problems) console.error(`error: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

interface Snapshot extends AsyncDisposable {
  readonly path: string;
  readonly numBytes: number;
  readonly numFiles: number;
  /** The loss of the baseline on the held-out windows of the model. */
  readonly order2Loss: number;
}

/** Copies the training text into one file. @throws {Error} if there is too little, or it cannot be read. */
async function takeSnapshot(options: DemoOptions): Promise<Snapshot> {
  const { data } = options;
  const { text, numFiles } = data.length > 0
    ? await readText(data)
    : await readText([new URL("../..", import.meta.url).pathname], [".md", ".ts"]);
  const { train, heldOut } = splitCorpus(text);
  const training = demoTraining(options, { train, heldOut });
  const { context, evaluateTokens } = training;
  const starts = heldOutStarts({ text: heldOut, context, evaluateTokens });
  const path = await Deno.makeTempFile({ prefix: "meshfactor-" });
  await Deno.writeFile(path, text);
  return {
    path,
    numBytes: text.length,
    numFiles,
    order2Loss: new Order2Baseline(train).loss({ text: heldOut, context, starts }),
    [Symbol.asyncDispose]: () => Deno.remove(path),
  };
}

interface Training {
  readonly device: string;
  readonly losses: readonly number[];
  /** Held-out losses before and after. */
  readonly heldOut: readonly number[];
  readonly prompt: string;
  readonly sample: string;
}

/** Runs one training in processes of its own, with a progress bar; prints an error and returns undefined if it fails. */
async function train(
  { signal, ...options }: DemoOptions & { readonly signal: AbortSignal },
  title: string,
): Promise<Training | undefined> {
  const [losses, heldOut]: [number[], number[]] = [[], []];
  let device = "";
  let sample: Pick<Training, "prompt" | "sample"> | undefined;
  const bar = new SingleBar({
    format: `${title} {bar} {value}/{total} | loss {loss} | {speed} of text | {wire} per step`,
    barsize: 24,
    noTTYOutput: true,
    notTTYSchedule: 5000,
    hideCursor: true,
  });
  const show = (message: DemoMessage): void => {
    if (message.kind === "start") {
      device = message.device;
      console.log(`${title}: ${message.parameters} parameters, device ${device}`);
      bar.start(options.steps, 0, { loss: "-", speed: "-", wire: "-" });
    } else if (message.kind === "step") {
      losses.push(message.loss);
      bar.update(message.step, payload(message));
    } else if (message.kind === "evaluation") {
      heldOut.push(message.loss);
    } else if (message.kind === "sample") {
      bar.stop();
      const [before, after] = heldOut.map((loss) => loss.toFixed(4));
      console.log(`${title}: held-out loss ${before} -> ${after} nats per byte`);
      sample = { prompt: textOf(message.prompt), sample: textOf(message.tokens) };
    }
  };
  const { failure } = await launchLocalRanks({
    ranks: options.ranks,
    script: new URL("./demo_rank.ts", import.meta.url).href,
    args: demoFlags(options),
    signal,
    onLine: ({ rank, stream, text }: RankLine) => {
      if (rank === 0 && stream === "stdout") show(JSON.parse(text));
    },
  });
  if (failure === undefined && sample !== undefined) return { losses, heldOut, device, ...sample };
  bar.stop();
  if (signal.aborted) {
    console.error("interrupted: all ranks are stopped");
    return undefined;
  }
  console.error(`${title}: rank ${failure?.rank} failed:\n${failure?.stderr.join("\n")}`);
  return undefined;
}

function payload({ loss, tokensPerSecond, bytesSent }: StepEvent) {
  return {
    loss: loss.toFixed(4),
    speed: `${(tokensPerSecond! / 1e3).toFixed(1)} kB/s`,
    wire: bytesSent === 0 ? "nothing sent" : `${(bytesSent / 1e6).toFixed(2)} MB sent by rank 0`,
  };
}

type StepEvent = Extract<TrainingEvent, { readonly kind: "step" }>;

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function textOf(bytes: readonly number[]): string {
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/** Text with control characters replaced. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f\ufffd]/g, "·");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
