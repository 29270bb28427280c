// Processes that fine-tune: each gets a job as JSON, writes what it measured as a line of JSON, and ends when its standard input ends,
// so that its peak of memory can be read before.

import { peakBytes } from "../train/peak_memory.ts";

/** How a process trains. */
export interface Contestant {
  /** As it is printed. */
  readonly name: string;
  readonly threads: number;
  readonly optimizer: "adafactor" | "adamw";
  readonly dtype: "f32" | "bf16";
  /** Ours in 16 bits: f32 master weights, or stochastic rounding. */
  readonly masterWeights?: boolean;
  readonly program: "ours" | "torch";
}

/** The work of a process. */
export interface Work {
  /** The checkpoint. */
  readonly folder: string;
  readonly batch: number;
  readonly context: number;
  /** After two that warm up. */
  readonly steps: number;
}

/** What a process measured. */
export interface Run {
  /** Of each step. */
  readonly milliseconds: readonly number[];
  /** Of each step, those that warm up included. */
  readonly losses: readonly number[];
  /** Most bytes of memory of the process. */
  readonly peak: number;
}

/** Ours and PyTorch's, the latter for each number of threads. */
export function contestantsFor(threads: readonly number[]): Contestant[] {
  const ours = { program: "ours", threads: 1, optimizer: "adafactor" } as const;
  const torch = threads.flatMap((threads): Contestant[] => {
    const shared = { program: "torch", threads } as const;
    return [
      { ...shared, name: "torch: AdamW, f32", optimizer: "adamw", dtype: "f32" },
      { ...shared, name: "torch: Adafactor, f32", optimizer: "adafactor", dtype: "f32" },
      { ...shared, name: "torch: Adafactor, bf16", optimizer: "adafactor", dtype: "bf16" },
    ];
  });
  return [
    { ...ours, name: "ours: Adafactor, f32", dtype: "f32" },
    { ...ours, name: "ours: Adafactor, bf16, f32 masters", dtype: "bf16", masterWeights: true },
    { ...ours, name: "ours: Adafactor, bf16, stochastic", dtype: "bf16", masterWeights: false },
    ...torch,
  ];
}

/** Runs one process. @throws {Error} if it fails */
export async function runOnce(
  { program, ...contestant }: Contestant,
  work: Work,
): Promise<Run> {
  const script = (path: string) => new URL(path, import.meta.url).pathname;
  const [command, ...args] = program === "ours"
    ? [Deno.execPath(), "run", "--quiet", "--permission-set=train", script("ours.ts")]
    : [Deno.env.get("MESHFACTOR_PYTHON") ?? "python3", script("../peers/torch_finetune.py")];
  const child = new Deno.Command(command, {
    args: [...args, JSON.stringify({ ...contestant, ...work })],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const line = await firstLine(child.stdout);
  const peak = line === undefined ? undefined : await peakBytes(child.pid);
  await child.stdin.close();
  const { code } = await child.status;
  if (line === undefined || code !== 0) throw new Error(`${command} ended with code ${code}`);
  if (peak === undefined) throw new Error("this system does not report the memory of a process");
  return { ...JSON.parse(line), peak };
}

async function firstLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n"));
  }
  return undefined;
}
