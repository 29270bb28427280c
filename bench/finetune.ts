// Fine-tuning of a checkpoint: the memory of a whole process and the time of a step, beside PyTorch's with AdamW and with Adafactor.
//
//   MESHFACTOR_PYTHON=python3 ./run bench finetune --model HuggingFaceTB/SmolLM2-135M-Instruct
//   ./run bench finetune --model smollm2 --shape 2x64,8x128 --threads 1,2
//
// Each contestant is one process, which loads the checkpoint and takes some steps on one batch; they take turns. bench/README.md says
// what was measured.

import { Command, InvalidArgumentError, Option } from "commander";
import { modelFolder } from "../mod.ts";
import { type Contestant, contestantsFor, type Run, runOnce } from "./finetune/contestants.ts";
import { integerFrom, listOf } from "./flag_values.ts";
import { type Cell, Report } from "./optimizer/report.ts";

/** Windows of a batch, and tokens of a window. */
interface Shape {
  readonly batch: number;
  readonly context: number;
}

interface Flags {
  readonly model: string;
  readonly shape: readonly Shape[];
  readonly threads: readonly number[];
  readonly steps: number;
  readonly rounds: number;
  readonly json?: boolean;
}

/** Runs the benchmark and returns its exit code: 0; 1 if something failed; 2 for a wrong command line. */
async function main(args: readonly string[]): Promise<number> {
  const program = new Command("./run bench finetune")
    .description("Memory and time of fine-tuning a causal language model, beside PyTorch's.")
    .requiredOption("--model <name>", "a local folder, or a model on the hub")
    .addOption(
      new Option("--shape <list>", "BATCHxCONTEXT, windows and their tokens")
        .argParser(listOf(shape)).default([{ batch: 2, context: 64 }], "2x64"),
    )
    .addOption(
      new Option("--threads <list>", "threads of PyTorch; ours has one")
        .argParser(listOf(integerFrom(1))).default([1, 2], "1,2"),
    )
    .option("-n, --steps <number>", "steps of a process, after two that warm up", integerFrom(1), 5)
    .option("--rounds <number>", "processes of each contestant", integerFrom(1), 2)
    .option("--json", "print one JSON object per line instead of tables")
    .exitOverride();
  try {
    program.parse([...args], { from: "user" });
  } catch (error) {
    return error instanceof Error && "exitCode" in error && error.exitCode === 0 ? 0 : 2;
  }
  const flags = program.opts<Flags>();
  const report = new Report(flags.json ? "json" : "table", "wasm: CPU, one thread; torch: CPU");
  const folder = await modelFolder(flags.model);
  for (const each of flags.shape) await measure(each, { ...flags, folder, report });
  return 0;
}

/** Prints a row for each contestant. */
async function measure(
  { batch, context }: Shape,
  { folder, threads, steps, rounds, report }: Flags & {
    readonly folder: string;
    readonly report: Report;
  },
): Promise<void> {
  const runs = new Map<Contestant, Run[]>();
  const contestants = contestantsFor(threads);
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) {
      const run = await runOnce(contestant, { folder, batch, context, steps });
      runs.set(contestant, [...runs.get(contestant) ?? [], run]);
    }
  }
  const rows = [...runs].map(([{ name, threads }, all]): Record<string, Cell> => ({
    "": name,
    "threads": threads,
    "step (ms)": median(all.flatMap(({ milliseconds }) => milliseconds)),
    "tokens/s": 1e3 * batch * context / median(all.flatMap(({ milliseconds }) => milliseconds)),
    "peak (MB)": Math.max(...all.map(({ peak }) => peak)) / 1e6,
    "first loss": all[0].losses[0],
  }));
  report.print({
    title: `a step on ${batch} windows of ${context} tokens`,
    columns: Object.keys(rows[0]),
    rows,
    notes: ["peak: VmHWM of the process from its start, loading included; step: the median"],
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function shape(text: string): Shape {
  const [, batch, context] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (batch === undefined) {
    throw new InvalidArgumentError("A shape is BATCHxCONTEXT, such as 2x64.");
  }
  return { batch: Number(batch), context: Number(context) };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
