// Adafactor's passes over blocks up to the sizes of steps; block_table.ts has the records, their tiles, and the
// order of sums.

import {
  blockRange,
  type BlockRangeParam,
  blocks,
  factors,
  grad,
  gradFormat,
  type GradParam,
  guard,
  newFactors,
  newGuard,
  newPartials,
  newSteps,
  newSums,
  numbers,
  param,
  paramFormat,
  type ParamParam,
  partials,
  perTile,
  sums,
  tileRange,
  type TileRangeParam,
  vectorRange,
  type VectorRangeParam,
} from "./block_kernels.ts";
import { type Kernel, reads, writes } from "./kernel.ts";

/** partials of each tile: per row of the tile sum_j g^2, per column sum_i g^2, and the sum of both (see `partials`) */
export const adafactor_tile_sums: Kernel<
  "grad" | "blocks" | "partials",
  TileRangeParam | GradParam
> = {
  operands: { grad, blocks, partials: newPartials },
  params: { ...tileRange, ...gradFormat },
  shader: perTile("adafactor_tile_sums", gradFormat),
};

/**
 * sums[rowSums ..], sums[colSums ..] and sums[totals ..] of each block from the partials of its tiles, parts added as
 * trees; slots of rows' parts that are not the block's are 0
 */
export const adafactor_join_sums: Kernel<
  "blocks" | "partials" | "sums",
  VectorRangeParam | "partialsLength" | "sumsLength"
> = {
  operands: { blocks, partials, sums: newSums },
  params: { ...vectorRange, partialsLength: "u32", sumsLength: "u32" },
  shader: {
    stages: [{
      source: "adafactor_join_sums",
      entryPoint: "main",
      workgroups: ({ numVectors }) => Math.ceil(numVectors / 32),
    }],
  },
};

/**
 * The slots of one scalar of each block, from its tiles' sums in partials, parts added as trees; slots of parts that are
 * not the block's are 0. `scalar` says which: 0 gradientSquares, 1 updateSquares, 2 paramSquares, 3 aligned.
 */
export const adafactor_join_scalar: Kernel<
  "blocks" | "partials" | "sums",
  BlockRangeParam | "scalar" | "partialsLength" | "sumsLength"
> = {
  operands: { blocks, partials, sums: newSums },
  params: { ...blockRange, scalar: "u32", partialsLength: "u32", sumsLength: "u32" },
  shader: {
    stages: [{
      source: "adafactor_join_scalar",
      entryPoint: "main",
      workgroups: ({ numBlocks }) => numBlocks,
    }],
  },
};

/** tiles' sums of p^2 */
export const adafactor_tile_params: Kernel<
  "param" | "blocks" | "partials",
  TileRangeParam | ParamParam
> = {
  operands: { param, blocks, partials: newPartials },
  params: { ...tileRange, ...paramFormat },
  shader: perTile("adafactor_tile_params", paramFormat),
};

/**
 * guard[0] = 1 if gradientSquares of any block is NaN or infinite (by its exponent bits), else 0  (u32);
 * sums[slot] = factor min(1, maxNorm / |factor g|), |g|^2 the sum of all blocks' gradientSquares, in order of blocks
 */
export const adafactor_scale_gradients: Kernel<
  "blocks" | "sums" | "guard",
  BlockRangeParam | "slot" | "factor" | "maxNorm" | "sumsLength"
> = {
  operands: {
    blocks,
    sums: writes("f32", ({ slot, sumsLength }) => Math.max(slot + 1, sumsLength)),
    guard: newGuard,
  },
  params: { ...blockRange, slot: "u32", factor: "f32", maxNorm: "f32", sumsLength: "u32" },
  shader: {
    stages: [{ source: "adafactor_scale_gradients", entryPoint: "main", workgroups: () => 1 }],
  },
};

/**
 * The running averages of each block, from sums over the whole parameter of gradients scaled by s = sums[gradientScale];
 * keep = 1 - take; nothing is written where guard[0] != 0. A total is the tree over its rowSlots.
 *   R <- keep R + take (s^2 rowSum / globalCols + eps1)     C <- keep C + take (s^2 colSum / globalRows + eps1)
 *   M <- keep M + take (s^2 total / (globalRows globalCols) + eps1)
 *   row factors = s rsqrt(R / max(M, meanFloor)), column factors = rsqrt(C), the cap = min(s factorCap, MAX_F32)
 * (no square root is taken of less than the smallest normal f32, so that all factors are finite)
 */
export const adafactor_averages: Kernel<
  "blocks" | "numbers" | "sums" | "guard" | "moments" | "factors",
  VectorRangeParam | "gradientScale" | "sumsLength" | "momentsLength" | "factorsLength"
> = {
  operands: {
    blocks,
    numbers,
    sums: reads("f32", ({ gradientScale, sumsLength }) => Math.max(gradientScale + 1, sumsLength)),
    guard,
    moments: writes("f32", ({ momentsLength }) => momentsLength),
    factors: newFactors,
  },
  params: {
    ...vectorRange,
    gradientScale: "u32",
    sumsLength: "u32",
    momentsLength: "u32",
    factorsLength: "u32",
  },
  shader: {
    stages: [
      {
        source: "adafactor_averages",
        entryPoint: "means",
        workgroups: ({ numBlocks }) => numBlocks,
      },
      {
        source: "adafactor_averages",
        entryPoint: "vectors",
        workgroups: ({ numVectors }) => Math.ceil(numVectors / 256),
      },
    ],
  },
};

/** tiles' sums of u^2, u = g min(rowFactor colFactor, cap) */
export const adafactor_tile_updates: Kernel<
  "grad" | "blocks" | "factors" | "partials",
  TileRangeParam | GradParam | "factorsLength"
> = {
  operands: { grad, blocks, factors, partials: newPartials },
  params: { ...tileRange, ...gradFormat, factorsLength: "u32" },
  shader: perTile("adafactor_tile_updates", gradFormat),
};

/** steps of each block (stepFields), from sums over the whole parameter; a scalar is the tree over its slots */
export const adafactor_step_sizes: Kernel<
  "blocks" | "numbers" | "sums" | "steps",
  BlockRangeParam | "sumsLength"
> = {
  operands: { blocks, numbers, sums, steps: newSteps },
  params: { ...blockRange, sumsLength: "u32" },
  shader: {
    stages: [{
      source: "adafactor_step_sizes",
      entryPoint: "main",
      workgroups: ({ numBlocks }) => Math.ceil(numBlocks / 64),
    }],
  },
};
