// The training command in processes, as a user starts it.

import type { TrainMessage } from "../../../src/cli/train_report.ts";
import type { SmallFiles } from "../train/small_gpt2.ts";

const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;
const TRAIN = new URL("../../../src/cli/train.ts", import.meta.url).href;
const LAUNCH = new URL("../../../src/cli/launch.ts", import.meta.url).href;

/** How a command ended, and what it wrote. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The training command on so many ranks, not yet started. */
export function command(args: readonly string[], ranks = 1): Deno.Command {
  const { program, args: all } = commandLine(args, ranks);
  return new Deno.Command(program, { args: all, ...OPTIONS });
}

/** As `command`, with what a shell does with it, such as "$COMMAND | head -1". */
export function shellCommand(
  script: string,
  { args, ranks = 1 }: { readonly args: readonly string[]; readonly ranks?: number },
): Deno.Command {
  const { program, args: all } = commandLine(args, ranks);
  const text = script.replace("$COMMAND", () => [program, ...all].map(quoted).join(" "));
  return new Deno.Command("bash", { args: ["-o", "pipefail", "-c", text], ...OPTIONS });
}

/** As `command`, in a terminal of so many columns, whose output is stdout. */
export function commandInTerminal(
  args: readonly string[],
  { columns, ranks = 1 }: { readonly columns: number; readonly ranks?: number },
): Deno.Command {
  const inside = `stty cols ${columns} rows 40; exec "$@"`;
  const outside = `exec script -qfec "$(printf '%q ' bash -c ${
    quoted(inside)
  } - $COMMAND)" /dev/null`;
  return shellCommand(outside, { args, ranks });
}

const OPTIONS = {
  env: { NO_COLOR: "1" },
  stdin: "null",
  stdout: "piped",
  stderr: "piped",
} as const;

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** The training command as a program and its arguments. */
export function commandLine(flags: readonly string[], ranks = 1) {
  const command = ranks === 1 ? [TRAIN] : [LAUNCH, "--ranks", String(ranks), TRAIN];
  // Root may write everywhere; without these rights permissions of files hold for it, too.
  const [start, ...before] = Deno.uid() === 0
    ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", Deno.execPath()]
    : [Deno.execPath()];
  const run = ["run", "--quiet", "-P=train", "--config", CONFIG, ...command, ...flags];
  return { program: start, args: [...before, ...run] };
}

/** Runs the training command. */
export async function train(args: readonly string[], ranks = 1): Promise<Outcome> {
  const { code, stdout, stderr } = await command(args, ranks).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

/** Flags of a training of 5 steps that take part of a second. */
export function flagsFor({ model, data }: SmallFiles): string[] {
  return ["--model", model, "--data", data, "--tokenizer", "bytes", "--device", "wasm"]
    .concat(["--context", "13", "--batch", "3", "--steps", "5", "--lr", "0.02"])
    .concat(["--schedule", "cosine", "--warmup", "2", "--eval-tokens", "300"])
    .concat(["--sample", "12 ", "--sample-tokens", "10"]);
}

/** The JSON lines of a log. */
export function messagesIn(text: string): TrainMessage[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line.replace(/^\[rank 0\] /, "")));
}
