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

export const adafactorGradientScale: Reference<"adafactor_gradient_scale"> = ({ sums }, params) => {
  const { offset, length, slot, factor, maxNorm } = params;
  const squares = sums.subarray(offset, offset + length).reduce((sum, square) => sum + square, 0);
  const norm = factor * Math.sqrt(squares);
  sums[slot] = norm > maxNorm ? factor * maxNorm / norm : factor;
};

export const adafactorMoments: Reference<"adafactor_moments"> = (
  { sums, guard, moments, factors },
  params,
) => {
  if (guard[0] !== 0) return;
  const { batch, rows, cols, rowSums, colSums, total, globalRows, globalCols } = params;
  const scale = sums[params.gradientScale]!;
  const next = (average: number, mean: number) =>
    params.keep * average + params.take * (scale ** 2 * mean + params.eps1);
  const firstColumn = batch * rows;
  const firstMean = batch * (rows + cols);
  for (let b = 0; b < batch; b++) {
    const m = firstMean + b;
    moments[m] = next(moments[m]!, sums[total + b]! / (globalRows * globalCols));
    const floored = atLeastTiny(Math.max(moments[m]!, params.meanFloor));
    for (let i = 0; i < rows; i++) {
      const r = b * rows + i;
      moments[r] = next(moments[r]!, sums[rowSums + r]! / globalCols);
      factors[r] = scale / Math.sqrt(atLeastTiny(moments[r]! / floored));
    }
    for (let j = 0; j < cols; j++) {
      const c = b * cols + j;
      moments[firstColumn + c] = next(moments[firstColumn + c]!, sums[colSums + c]! / globalRows);
      factors[firstColumn + c] = 1 / Math.sqrt(atLeastTiny(moments[firstColumn + c]!));
    }
  }
  factors[batch * (rows + cols)] = scale * params.factorCap;
};

export const adafactorUpdateSquares: Reference<"adafactor_update_squares"> = (
  { grad, factors, sums },
  params,
) => {
  sums[params.slot] = update(grad, factors, params).reduce((sum, u) => sum + u * u, 0);
};

export const adafactorApply: Reference<"adafactor_apply"> = (operands, params) =>
  apply(operands, params, (u, { a }) => a * u);

export const adafactorApplyMomentum: Reference<"adafactor_apply_momentum"> = (operands, params) =>
  apply(operands, params, (u, { a, i }) => {
    const { momentum } = operands;
    const [before, after] = params.rateAfterMomentum ? [1, a] : [a, 1];
    momentum[i] = params.beta1 * momentum[i]! + (1 - params.beta1) * before * u;
    return after * momentum[i]!;
  });

export const adafactorMomentum: Reference<"adafactor_momentum"> = (operands, params) => {
  const { momentum, sums, guard } = operands;
  let aligned = 0;
  if (guard[0] === 0) {
    const { a, d } = sizeOf(sums, params);
    const before = params.rateAfterMomentum ? 1 : a;
    update(operands.grad, operands.factors, params).forEach((u, i) => {
      momentum[i] = params.beta1 * momentum[i]! + (1 - params.beta1) * before * u / d;
      if (momentum[i]! * before * u > 0) aligned++;
    });
  }
  sums[params.aligned] = aligned;
};

export const adafactorApplyCautious: Reference<"adafactor_apply_cautious"> = (operands, params) => {
  const { momentum, sums } = operands;
  const share = Math.max(sums[params.aligned]! / params.count, 1e-3);
  apply(operands, params, (u, { a, i }) => {
    const [before, after] = params.rateAfterMomentum ? [1, a] : [a, 1];
    return momentum[i]! * before * u > 0 ? after * momentum[i]! / share : 0;
  });
};

/** `stepOf` turns u / d of element i of the block into what is subtracted. */
function apply(
  { grad, factors, guard, param, sums }: Values<"adafactor_apply">,
  params: KernelParams<"adafactor_apply">,
  stepOf: (u: number, at: { readonly a: number; readonly i: number }) => number,
): void {
  const { paramOffset, batch, rows, cols } = params;
  const block = param.subarray(paramOffset, paramOffset + batch * rows * cols);
  if (guard[0] === 0) {
    const { a, d } = sizeOf(sums, params);
    const decay = a * params.weightDecay + params.absoluteDecay;
    const u = update(grad, factors, params);
    for (let i = 0; i < block.length; i++) {
      block[i] = block[i]! - decay * block[i]! - stepOf(u[i]! / d, { a, i });
    }
  }
  sums[params.nextParamSquares] = block.reduce((sum, p) => sum + p * p, 0);
}

/** The step size and what it is divided by. */
function sizeOf(
  sums: Float64Array,
  params: Pick<
    KernelParams<"adafactor_apply">,
    | "updateSquares"
    | "paramSquares"
    | "count"
    | "rate"
    | "scaleParameter"
    | "scaleFloor"
    | "scaleCeiling"
    | "clipThreshold"
  >,
): { a: number; d: number } {
  const paramRms = Math.sqrt(sums[params.paramSquares]! / params.count);
  const updateRms = Math.sqrt(sums[params.updateSquares]! / params.count);
  const scale = Math.min(params.scaleCeiling, Math.max(params.scaleFloor, paramRms));
  return {
    a: params.rate * (params.scaleParameter ? scale : 1),
    d: Math.max(1, updateRms / params.clipThreshold),
  };
}

/** u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j], most) */
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
  const most = factors[batch * (rows + cols)]!;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < cols; j++) {
        const at = (b * rows + i) * cols + j;
        const factor = factors[b * rows + i]! * factors[batch * rows + b * cols + j]!;
        u[at] = grad[gradOffset + at]! * Math.min(factor, most);
      }
    }
  }
  return u;
}

/** The smallest normal f32 where `value` is less. */
function atLeastTiny(value: number): number {
  return Math.max(value, 2 ** -126);
}
