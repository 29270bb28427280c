// AdamW's step over runs of blocks (Loshchilov & Hutter 2019).

import { ADAMW_WORDS } from "../block_table.ts";
import { storedWords } from "../storage_types.ts";
import {
  blockRange,
  type BlockRangeParam,
  blocks,
  grad,
  gradFormat,
  guard,
  momentumFormat,
  newMomentum,
  newParam,
  paramFormat,
  perTile,
  sums,
} from "./block_kernels.ts";
import { type Kernel, type Operand, reads, writes } from "./kernel.ts";

const steps: Operand<BlockRangeParam> = reads(
  "AdamwStep",
  ({ firstBlock, numBlocks }) => (firstBlock + numBlocks) * ADAMW_WORDS,
);

const secondMoment: Operand<"secondMomentType" | "secondMomentLength"> = writes(
  "u32",
  ({ secondMomentType, secondMomentLength }) => storedWords(secondMomentType, secondMomentLength),
);

const params = {
  ...blockRange,
  firstTile: "u32",
  numTiles: "u32",
  ...gradFormat,
  ...paramFormat,
  ...momentumFormat,
  secondMomentType: "storageType",
  secondMomentLength: "u32",
  // The element of `sums` that gradients are multiplied by.
  gradientScale: "u32",
  sumsLength: "u32",
  // 1: 16-bit parameters are rounded up or down at random, with probabilities that make the mean exact.
  stochastic: "flag",
} as const;

/**
 * With g = sums[gradientScale] grad and a record of `adamwFields`, both moments as they are before they are rounded to their
 * storage types:
 *
 *     m <- m + take (g - m),  v <- v + takeSquares (g^2 - v)
 *     p <- p - decay p - stepSize m / (sqrt(v) rootCorrection + eps)
 *
 * Nothing is changed where guard[0] != 0.
 */
export const adamw_step: Kernel<
  "grad" | "blocks" | "steps" | "sums" | "guard" | "param" | "momentum" | "secondMoment",
  keyof typeof params
> = {
  operands: {
    grad,
    blocks,
    steps,
    sums,
    guard,
    param: newParam,
    momentum: newMomentum,
    secondMoment,
  },
  params,
  shader: perTile("adamw_step", params),
};
