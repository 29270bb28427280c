// The command line of the benchmark of training.

import { Command, InvalidArgumentError, Option } from "commander";
import { integerFrom, listOf, oneOf } from "../flag_values.ts";
import { parseShape, type Shape } from "./shape.ts";

/** The parts of the benchmark, in this order. */
export const PARTS = ["matmul", "steps"] as const;
/** A part of the benchmark. */
export type Part = typeof PARTS[number];

/** Implementations that can be measured beside ours. */
export const PEERS = ["torch", "jax-js"] as const;
/** A peer. */
export type PeerName = typeof PEERS[number];

/** A mesh of ranks. */
export interface Mesh {
  readonly tensor: number;
  readonly zero: number;
}

/** Options of the benchmark. */
export interface Options {
  readonly parts: readonly Part[];
  readonly shapes: readonly Shape[];
  readonly meshes: readonly Mesh[];
  /** Rows, columns and depth of the products. */
  readonly sizes: readonly number[];
  readonly device: "wasm" | "webgpu";
  readonly peers: readonly PeerName[];
  /** Timed steps, or products, of each figure. */
  readonly iterations: number;
  /** Ours and the peers take so many turns; the steps are spread over them. */
  readonly turns: number;
  readonly format: "table" | "json";
}

/** Parses the command line; what was wrong with it, or the help that was asked for, is printed already. */
export function parseOptions(args: readonly string[]): Options | "help" | "wrong" {
  const program = new Command("./run bench train")
    .description(
      "Measures products of matrices and training steps of GPT-2, beside PyTorch and jax-js.",
    )
    .addOption(
      new Option("--part <names>", `any of ${PARTS.join(", ")}`)
        .argParser(listOf(oneOf(PARTS))).default(PARTS, "all"),
    )
    .addOption(
      new Option("--shape <names>", "LAYERSxWIDTH on bytes, or 124M, GPT-2 itself")
        .argParser(listOf(shape))
        .default(["2x128", "4x256", "6x384", "124M"].map(parseShape), "2x128,4x256,6x384,124M"),
    )
    .addOption(
      new Option("--mesh <meshes>", "ranks as TENSORxZERO; peers get as many threads")
        .argParser(listOf(mesh)).default([{ tensor: 1, zero: 1 }], "1x1"),
    )
    .addOption(
      new Option("--size <numbers>", "rows, columns and depth of the products")
        .argParser(listOf(integerFrom(1))).default([256, 512, 1024], "256,512,1024"),
    )
    .addOption(
      new Option("--device <name>", "which device").choices(["wasm", "webgpu"]).default("wasm"),
    )
    .addOption(
      new Option("--peer <names>", `measure ${PEERS.join(" and ")} in the same run`)
        .argParser(listOf(oneOf(PEERS))).default([], "none"),
    )
    .option("--batch <number>", "windows of a step, instead of the shape's", integerFrom(1))
    .option("--context <number>", "tokens of a window, instead of the shape's", integerFrom(1))
    .option(
      "-n, --iterations <number>",
      "timed steps of each figure, fewer of long ones",
      integerFrom(1),
      15,
    )
    .option("--turns <number>", "turns that ours and the peers take", integerFrom(1), 5)
    .option("--json", "print one JSON object per line instead of tables")
    .showHelpAfterError("(--help explains the options)")
    .exitOverride();
  try {
    program.parse([...args], { from: "user" });
    const given = program.opts<Flags>();
    const { part: parts, shape: shapes, mesh: meshes, size: sizes, peer: peers } = given;
    const { device, iterations, turns, batch, context, json } = given;
    const sized = shapes.map((each) => withBatch(each, { batch, context }));
    for (const { zero } of meshes) {
      const small = sized.find(({ batch }) => batch < zero);
      if (small === undefined) continue;
      program.error(
        `error: ${zero} data-parallel ranks cannot share the ${small.batch} windows of ${small.name}: give a larger --batch`,
      );
    }
    return {
      parts,
      shapes: sized,
      meshes,
      sizes,
      peers,
      device,
      iterations,
      turns,
      format: json ? "json" : "table",
    };
  } catch (error) {
    return error instanceof Error && "exitCode" in error && error.exitCode === 0 ? "help" : "wrong";
  }
}

function withBatch(
  shape: Shape,
  { batch = shape.batch, context = shape.context }: {
    readonly batch: number | undefined;
    readonly context: number | undefined;
  },
): Shape {
  return { ...shape, batch, context, positions: Math.max(shape.positions, context) };
}

function shape(text: string): Shape {
  try {
    return parseShape(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function mesh(text: string): Mesh {
  const [, tensor, zero] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (tensor === undefined) throw new InvalidArgumentError("A mesh is TENSORxZERO, such as 2x1.");
  return { tensor: Number(tensor), zero: Number(zero) };
}

/** Options as the command line names them. */
interface Flags {
  readonly part: readonly Part[];
  readonly shape: readonly Shape[];
  readonly mesh: readonly Mesh[];
  readonly size: readonly number[];
  readonly peer: readonly PeerName[];
  readonly device: Options["device"];
  readonly iterations: number;
  readonly turns: number;
  readonly batch?: number;
  readonly context?: number;
  readonly json?: boolean;
}
