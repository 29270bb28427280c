// Operands and parameters of kernels that work on consecutive blocks (block_table.ts): one dispatch serves many tensors.
//
// blocks, numbers and steps hold records; sums, partials, moments and factors are f32; grad, param and momentum have the
// storage type that a parameter names, so WGSL sees words. Every sum of squares is taken in f32 or better.

import { BLOCK_WORDS, NUMBERS_WORDS, STEP_WORDS } from "../block_table.ts";
import { storedWords } from "../storage_types.ts";
import {
  type Operand,
  type ParamFormat,
  type ParamValues,
  reads,
  type Shader,
  writes,
} from "./kernel.ts";

/** Blocks firstBlock .. firstBlock + numBlocks. */
export const blockRange = { firstBlock: "u32", numBlocks: "u32" } as const;

/** Their tiles, and elements of `partials`. */
export const tileRange = {
  ...blockRange,
  firstTile: "u32",
  numTiles: "u32",
  partialsLength: "u32",
} as const;

/** Their row sums, column sums and totals. */
export const vectorRange = { ...blockRange, firstVector: "u32", numVectors: "u32" } as const;

/** Storage type and elements of `grad`. */
export const gradFormat = { gradType: "storageType", gradLength: "u32" } as const;
/** Storage type and elements of `param`. */
export const paramFormat = { paramType: "storageType", paramLength: "u32" } as const;
/** Storage type and elements of `momentum`. */
export const momentumFormat = { momentumType: "storageType", momentumLength: "u32" } as const;

/** Names of the parameters of {@linkcode blockRange}. */
export type BlockRangeParam = keyof typeof blockRange;
/** Names of the parameters of {@linkcode tileRange}. */
export type TileRangeParam = keyof typeof tileRange;
/** Names of the parameters of {@linkcode vectorRange}. */
export type VectorRangeParam = keyof typeof vectorRange;
/** Names of the parameters of {@linkcode gradFormat}. */
export type GradParam = keyof typeof gradFormat;
/** Names of the parameters of {@linkcode paramFormat}. */
export type ParamParam = keyof typeof paramFormat;
/** Names of the parameters of {@linkcode momentumFormat}. */
export type MomentumParam = keyof typeof momentumFormat;

/** The blocks' records. */
export const blocks: Operand<BlockRangeParam> = reads(
  "Block",
  ({ firstBlock, numBlocks }) => (firstBlock + numBlocks) * BLOCK_WORDS,
);

/** Values that change from step to step. */
export const numbers: Operand<BlockRangeParam> = reads(
  "Numbers",
  ({ firstBlock, numBlocks }) => (firstBlock + numBlocks) * NUMBERS_WORDS,
);

/** The sizes of steps. */
export const steps: Operand<BlockRangeParam> = reads("Step", stepWords);
/** The sizes of steps where they are written. */
export const newSteps: Operand<BlockRangeParam> = writes("Step", stepWords);

/** Gradients. */
export const grad: Operand<GradParam> = reads(
  "u32",
  ({ gradType, gradLength }) => storedWords(gradType, gradLength),
);

/** Parameters. */
export const param: Operand<ParamParam> = reads("u32", paramWords);
/** Parameters where they are written. */
export const newParam: Operand<ParamParam> = writes("u32", paramWords);

/** Momentum. */
export const momentum: Operand<MomentumParam> = reads("u32", momentumWords);
/** Momentum where it is written. */
export const newMomentum: Operand<MomentumParam> = writes("u32", momentumWords);

/** Factors of updates. */
export const factors: Operand<"factorsLength"> = reads("f32", (p) => p.factorsLength);
/** Factors where they are written. */
export const newFactors: Operand<"factorsLength"> = writes("f32", (p) => p.factorsLength);

/** Tiles' sums. */
export const partials: Operand<"partialsLength"> = reads("f32", (p) => p.partialsLength);
/** Tiles' sums where they are written. */
export const newPartials: Operand<"partialsLength"> = writes("f32", (p) => p.partialsLength);

/** Sums of blocks. */
export const sums: Operand<"sumsLength"> = reads("f32", (p) => p.sumsLength);
/** Sums of blocks where they are written. */
export const newSums: Operand<"sumsLength"> = writes("f32", (p) => p.sumsLength);

/** One word: not 0 where a gradient is not finite, so that nothing is changed. */
export const guard: Operand<never> = reads("u32", () => 1);
/** The guard where it is written. */
export const newGuard: Operand<never> = writes("u32", () => 1);

/** One workgroup per tile, compiled for each combination of storage types and rounding. */
export function perTile<Param extends string>(
  source: string,
  params: { readonly [P in Param]: ParamFormat },
  fragments: Readonly<Record<string, string>> = {},
): Shader<never, Param | "numTiles"> {
  const specialized = (Object.keys(params) as Param[]).filter((name) =>
    params[name] === "storageType" || params[name] === "flag"
  );
  return {
    constants: (values: ParamValues<Param>) => {
      const constants: Record<string, number> = {};
      for (const name of specialized) constants[name] = values[name];
      return constants;
    },
    stages: [{ source, entryPoint: "main", fragments, workgroups: ({ numTiles }) => numTiles }],
  };
}

function stepWords({ firstBlock, numBlocks }: ParamValues<BlockRangeParam>): number {
  return (firstBlock + numBlocks) * STEP_WORDS;
}

function paramWords({ paramType, paramLength }: ParamValues<ParamParam>): number {
  return storedWords(paramType, paramLength);
}

function momentumWords({ momentumType, momentumLength }: ParamValues<MomentumParam>): number {
  return storedWords(momentumType, momentumLength);
}
