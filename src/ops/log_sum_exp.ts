// y = log of the sum of e^x over some dims, or over all, shifted by the largest x, so that nothing overflows.
//        dx = dy e^(x - y)

import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { dimOf, dimsOf, type DimsOptions, shapeAfter } from "./dims.ts";
import { sumOver } from "./dim_sums.ts";
import { extremesOf } from "./extremes.ts";
import { sub } from "./add.ts";
import { checkFloats } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { runFlat, runSpread } from "./pointwise.ts";

/**
 * The logarithm of the sum of e^x over the dims `dim`, by default over all: then a tensor of shape []. -infinity of nothing but
 * -infinity.
 *
 * @throws {RangeError} if there is no element, no such dim, or it is named twice.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { logSumExp } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1000, 1000], { shape: [1, 2] });
 * using y = logSumExp(x, { dim: 1 });
 * console.log(await y.data()); // 1000.69
 * ```
 *
 * @category Ops
 */
export function logSumExp(x: FloatTensor, options: DimsOptions = {}): Tensor {
  checkFloats("logSumExp", { x });
  const dims = dimsOf("logSumExp", x, options);
  const kept = shapeAfter(x.shape, dims, { keepDims: true });
  const { values, indices } = extremesOf("logSumExp", x, { dims, shape: kept });
  indices.release();
  const largest = finite(values);
  const powers = exponentials(x, largest);
  const sums = sumOver(powers, dims, kept);
  const logs = runFlat("natural_log", { x: sums });
  const shape = shapeAfter(x.shape, dims, options);
  const y = runSpread("add", { a: logs.alias(shape), b: largest.alias(shape) }, { shape });
  for (const temporary of [values, largest, powers, sums, logs]) temporary.release();
  return y.computedBy({
    op: "logSumExp",
    inputs: [x],
    gradient(dy) {
      const shift = finite(y);
      const powers = exponentials(x, shift.alias(kept));
      const dx = runSpread("mul", { a: powers, b: dy.alias(kept) }, { shape: x.shape });
      for (const temporary of [shift, powers]) temporary.release();
      return [dx];
    },
  });
}

/**
 * The logarithm of softmax along `dim`: x - logSumExp(x).
 *
 * @throws {RangeError} if there is no such dim, or it has no elements.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { logSoftmax } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, Math.log(3)], { shape: [1, 2] });
 * using y = logSoftmax(x);
 * console.log(await y.data()); // log 0.25, log 0.75: -1.39, -0.29
 * ```
 *
 * @category Ops
 */
export function logSoftmax(
  x: FloatTensor,
  options: { /** Default: the last one. */ readonly dim?: number } = {},
): Tensor {
  checkFloats("logSoftmax", { x });
  checkOptions("logSoftmax()", options, ["dim"]);
  const dim = dimOf("logSoftmax", x, options.dim ?? -1);
  return sub(x, logSumExp(x, { dim, keepDims: true }));
}

/** e^(x - shift) */
function exponentials(x: FloatTensor, shift: Tensor): Tensor {
  const differences = runSpread("sub", { a: x, b: shift }, { shape: x.shape });
  const powers = runFlat("natural_exp", { x: differences });
  differences.release();
  return powers;
}

/** Infinity would make a difference of two equal ones NaN. */
function finite(x: Tensor): Tensor {
  return runFlat("clamp", { x }, { low: -LARGEST, high: LARGEST });
}

const LARGEST = 3.4e38;
