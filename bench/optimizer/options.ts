// The command line of the optimizer's benchmark.

import { Command, Option } from "commander";
import { integerFrom, listOf, oneOf } from "../flag_values.ts";

/** The parts of the benchmark, in order. */
export const PARTS = ["device", "tensors", "table", "scale"] as const;
/** A part of the benchmark. */
export type Part = typeof PARTS[number];

/** Element types of parameters and gradients. */
export const DTYPES = ["f32", "f16", "bf16"] as const;
/** An element type. */
export type Dtype = typeof DTYPES[number];

/** Options of the benchmark. */
export interface Options {
  readonly parts: readonly Part[];
  readonly dtypes: readonly Dtype[];
  /** Rows and columns of the matrix. */
  readonly size: number;
  /** Timed steps of each figure. */
  readonly iterations: number;
  /** Ours and the peer take so many turns; the steps are spread over them. */
  readonly turns: number;
  /** Numbers of ranks in the original's table. */
  readonly ranks: readonly number[];
  /** Elements of the largest parameter of the scale. */
  readonly largest: number;
  /** The device. */
  readonly device: "wasm" | "webgpu";
  readonly peer: "torch" | "none";
  readonly format: "table" | "json";
}

/** Parses the command line; errors and help are printed already. */
export function parseOptions(args: readonly string[]): Options | "help" | "wrong" {
  const program = new Command("./run bench optimizer")
    .description("Measures Adafactor: one device, many tensors, the original's table, and scale.")
    .addOption(
      new Option("--part <names>", `any of ${PARTS.join(", ")}`)
        .argParser(listOf(oneOf(PARTS))).default(PARTS, "all"),
    )
    .addOption(
      new Option("--dtype <names>", `any of ${DTYPES.join(", ")}`)
        .argParser(listOf(oneOf(DTYPES))).default(DTYPES, "all"),
    )
    .option("--size <number>", "rows and columns of the matrix", integerFrom(1), 4096)
    .option("-n, --iterations <number>", "timed steps of each figure", integerFrom(1), 50)
    .option("--turns <number>", "turns that ours and the peer take", integerFrom(1), 5)
    .addOption(
      new Option("--ranks <numbers>", "ranks in the original's table")
        .argParser(listOf(integerFrom(2))).default([2, 4, 8], "2,4,8"),
    )
    .option("--largest <elements>", "elements of the largest parameter", integerFrom(1), 1e8)
    .addOption(
      new Option("--device <name>", "which device").choices(["wasm", "webgpu"]).default("wasm"),
    )
    .addOption(
      new Option("--peer <name>", "measure PyTorch's and transformers' in the same run")
        .choices(["torch", "none"]).default("none"),
    )
    .option("--json", "print one JSON object per line instead of tables")
    .showHelpAfterError("(--help explains the options)")
    .exitOverride();
  try {
    program.parse([...args], { from: "user" });
    const { part: parts, dtype: dtypes, json, ...rest } = program.opts<Flags>();
    return { ...rest, parts, dtypes, format: json ? "json" : "table" };
  } catch (error) {
    return error instanceof Error && "exitCode" in error && error.exitCode === 0 ? "help" : "wrong";
  }
}

/** Options as the command line names them. */
type Flags = Omit<Options, "parts" | "dtypes" | "format"> & {
  readonly part: readonly Part[];
  readonly dtype: readonly Dtype[];
  readonly json?: boolean;
};
