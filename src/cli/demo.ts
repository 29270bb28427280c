// The demo: trains the byte-level language model on several ranks, shows how it goes, then trains it again on one rank
// and compares.
//
//   ./run demo [--steps n] [--ranks n] [--tensor n] [--zero n] [--device kind] [--data paths...] [--seed n]

// Its published types bring Node's with them, which disagree with Deno's on events.
import { SingleBar } from "cli-progress";
import { launchLocalRanks, type RankLine } from "../dist/local_ranks.ts";
import type { ByteTrainingResult, StepReport } from "../train/byte_training.ts";
import { readText, splitCorpus } from "../train/corpus.ts";
import { Interrupt } from "./interrupt.ts";
import { demoFlags, type DemoOptions, parseDemoOptions } from "./demo_options.ts";
import type { DemoMessage } from "./demo_rank.ts";

/** Runs the demo and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const given = parseDemoOptions(args);
  const { ranks, tensor, zero } = given;
  const mesh = `${counted(ranks, "rank")} (${tensor} x ${zero})`;
  // A snapshot, so that both trainings and all ranks read the same, whatever happens to the files meanwhile.
  await using snapshot = await takeSnapshot(given.data).catch((error) => {
    console.error(`error: ${error.message}`);
    return undefined;
  });
  if (snapshot === undefined) return 1;
  using interrupt = new Interrupt();
  const options = { ...given, data: [snapshot.path], signal: interrupt.signal };

  console.log(`${snapshot.numBytes} bytes of text from ${counted(snapshot.numFiles, "file")}`);
  const split = await train(options, mesh);
  if (split === undefined) return 1;
  console.log(`\n--- the model goes on after "${printable(split.result.prompt)}" ---`);
  console.log(`${printable(split.result.sample)}\n---\n`);
  if (ranks === 1) {
    console.log("demo: 1 rank alone, nothing to compare with; start more with --ranks");
    return 0;
  }
  const whole = await train({ ...options, ranks: 1, tensor: 1, zero: 1 }, "1 rank");
  if (whole === undefined) return 1;

  if (whole.result.sample === split.result.sample) {
    console.log(`1 rank writes the same ${split.result.sample.length} characters.`);
  }
  const compared = Math.min(50, options.steps);
  const difference = Math.max(
    ...split.losses.slice(0, compared).map((loss, k) => Math.abs(loss / whole.losses[k] - 1)),
  );
  const { heldOutBefore, heldOutAfter } = split.result;
  console.log(
    `demo: ${mesh} vs 1 rank: largest relative loss difference ${
      difference.toExponential(1)
    } over the first ` +
      `${compared} steps; held-out loss ${heldOutBefore.toFixed(3)} -> ${
        heldOutAfter.toFixed(3)
      }; ` +
      `device ${split.device.split(":")[0]}`,
  );
  if (difference <= LARGEST_DIFFERENCE && heldOutAfter < heldOutBefore) return 0;
  console.error(
    `error: the mesh changes the training or it learns nothing: losses may differ by ${LARGEST_DIFFERENCE} and ` +
      "held-out loss must fall; please report it",
  );
  return 1;
}

/** Of losses of the same training on another mesh, relative. */
const LARGEST_DIFFERENCE = 1e-4;

interface Snapshot extends AsyncDisposable {
  readonly path: string;
  readonly numBytes: number;
  readonly numFiles: number;
}

/** Copies the text to train on into one file. @throws {Error} if there is too little, or it cannot be read. */
async function takeSnapshot(data: readonly string[]): Promise<Snapshot> {
  const { text, numFiles } = data.length > 0
    ? await readText(data)
    : await readText([new URL("../..", import.meta.url).pathname], [".md", ".ts"]);
  splitCorpus(text);
  const path = await Deno.makeTempFile({ prefix: "meshfactor-" });
  await Deno.writeFile(path, text);
  return {
    path,
    numBytes: text.length,
    numFiles,
    [Symbol.asyncDispose]: () => Deno.remove(path),
  };
}

interface Training {
  readonly losses: readonly number[];
  readonly result: ByteTrainingResult;
  readonly device: string;
}

/** One training in processes of its own, with a progress bar; undefined if it failed, which is then told. */
async function train(
  { signal, ...options }: DemoOptions & { signal: AbortSignal },
  title: string,
): Promise<Training | undefined> {
  const losses: number[] = [];
  let device = "";
  let result: ByteTrainingResult | undefined;
  const bar = new SingleBar({
    format:
      `${title} {bar} {value}/{total} | loss {loss} | {speed} of text | {wire} on the wire per step`,
    barsize: 24,
    noTTYOutput: true,
    notTTYSchedule: 5000,
    hideCursor: true,
  });
  const tell = (message: DemoMessage): void => {
    if (message.kind === "start") {
      device = message.device;
      console.log(`${title}: device ${device}`);
      bar.start(options.steps, 0, { loss: "-", speed: "-", wire: "-" });
    } else if (message.kind === "step") {
      losses.push(message.report.loss);
      bar.update(message.report.step, payload(message.report));
    } else {
      result = message.result;
      bar.stop();
      const { heldOutBefore, heldOutAfter } = result;
      console.log(
        `${title}: held-out loss ${heldOutBefore.toFixed(4)} -> ${
          heldOutAfter.toFixed(4)
        } nats per byte`,
      );
    }
  };
  const { failure } = await launchLocalRanks({
    ranks: options.ranks,
    script: new URL("./demo_rank.ts", import.meta.url).href,
    args: demoFlags(options),
    signal,
    onLine: ({ rank, stream, text }: RankLine) => {
      if (rank === 0 && stream === "stdout") tell(JSON.parse(text));
    },
  });
  if (failure === undefined && result !== undefined) return { losses, result, device };
  bar.stop();
  if (signal.aborted) {
    console.error("interrupted: all ranks are stopped");
    return undefined;
  }
  console.error(`${title}: rank ${failure?.rank} failed:\n${failure?.stderr.join("\n")}`);
  return undefined;
}

function payload({ loss, bytesPerSecond, wireBytes }: StepReport) {
  return {
    loss: loss.toFixed(4),
    speed: `${(bytesPerSecond / 1e3).toFixed(1)} kB/s`,
    wire: wireBytes === 0 ? "nothing" : `${(wireBytes / 1e6).toFixed(2)} MB`,
  };
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Text with what would move the cursor made visible. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f\ufffd]/g, "·");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
