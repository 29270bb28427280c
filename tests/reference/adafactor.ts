// The Adafactor passes on blocks [batch, rows, cols], as the comments in src/device/kernels.ts define them.

import type { KernelParams } from "../../src/device/kernels.ts";
import type { Reference, Values } from "./reference.ts";

export const adafactorStats: Reference<"adafactor_stats"> = ({ grad, sums }, params) => {
  const { gradOffset, batch, rows, cols, rowSums, colSums, total } = params;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < rows; i++) sums[rowSums + b * rows + i] = 0;
    for (let j = 0; j < cols; j++) sums[colSums + b * cols + j] = 0;
    sums[total + b] = 0;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < cols; j++) {
        const square = grad[gradOffset + (b * rows + i) * cols + j]! ** 2;
        sums[rowSums + b * rows + i]! += square;
        sums[colSums + b * cols + j]! += square;
        sums[total + b]! += square;
      }
    }
  }
};

export const adafactorGuard: Reference<"adafactor_guard"> = (
  { sums, guard },
  { offset, length },
) => {
  guard[0] = 0;
  for (let i = offset; i < offset + length; i++) {
    if (!Number.isFinite(sums[i]!)) guard[0] = 1;
  }
};

export const adafactorMoments: Reference<"adafactor_moments"> = (
  { sums, guard, moments, factors },
  params,
) => {
  if (guard[0] !== 0) return;
  const { batch, rows, cols, rowSums, colSums, total, globalRows, globalCols } = params;
  const next = (average: number, mean: number) =>
    params.keep * average + params.take * (mean + params.eps1);
  const firstColumn = batch * rows;
  const firstMean = batch * (rows + cols);
  for (let b = 0; b < batch; b++) {
    const m = firstMean + b;
    moments[m] = next(moments[m]!, sums[total + b]! / (globalRows * globalCols));
    for (let i = 0; i < rows; i++) {
      const r = b * rows + i;
      moments[r] = next(moments[r]!, sums[rowSums + r]! / globalCols);
      factors[r] = 1 / Math.sqrt(moments[r]! / moments[m]!);
    }
    for (let j = 0; j < cols; j++) {
      const c = b * cols + j;
      moments[firstColumn + c] = next(moments[firstColumn + c]!, sums[colSums + c]! / globalRows);
      factors[firstColumn + c] = 1 / Math.sqrt(moments[firstColumn + c]!);
    }
  }
};

export const adafactorUpdateSquares: Reference<"adafactor_update_squares"> = (
  { grad, factors, sums },
  params,
) => {
  sums[params.slot] = update(grad, factors, params).reduce((sum, u) => sum + u * u, 0);
};

export const adafactorApply: Reference<"adafactor_apply"> = (operands, params) =>
  apply(operands, params, (update) => update);

export const adafactorApplyMomentum: Reference<"adafactor_apply_momentum"> = (operands, params) =>
  apply(operands, params, (update, i) => {
    const { momentum } = operands;
    momentum[i] = params.beta1 * momentum[i]! + (1 - params.beta1) * update;
    return momentum[i]!;
  });

/** `smooth` turns a u / d of element i of the block into what is subtracted. */
function apply(
  { grad, factors, guard, param, sums }: Values<"adafactor_apply">,
  params: KernelParams<"adafactor_apply">,
  smooth: (update: number, i: number) => number,
): void {
  const { paramOffset, batch, rows, cols, count } = params;
  const block = param.subarray(paramOffset, paramOffset + batch * rows * cols);
  if (guard[0] === 0) {
    const paramRms = Math.sqrt(sums[params.paramSquares]! / count);
    const updateRms = Math.sqrt(sums[params.updateSquares]! / count);
    const a = params.rate * (params.scaleParameter ? Math.max(params.scaleFloor, paramRms) : 1);
    const d = Math.max(1, updateRms / params.clipThreshold);
    const u = update(grad, factors, params);
    for (let i = 0; i < block.length; i++) {
      block[i] = block[i]! - a * params.weightDecay * block[i]! - smooth(a * u[i]! / d, i);
    }
  }
  sums[params.nextParamSquares] = block.reduce((sum, p) => sum + p * p, 0);
}

/** u[b, i, j] = g[b, i, j] rowFactor[b, i] colFactor[b, j] */
function update(
  grad: Float64Array,
  factors: Float64Array,
  { gradOffset, batch, rows, cols }: {
    gradOffset: number;
    batch: number;
    rows: number;
    cols: number;
  },
): Float64Array {
  const u = new Float64Array(batch * rows * cols);
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < cols; j++) {
        const at = (b * rows + i) * cols + j;
        u[at] = grad[gradOffset + at]! * factors[b * rows + i]! *
          factors[batch * rows + b * cols + j]!;
      }
    }
  }
  return u;
}
