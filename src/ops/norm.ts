// Norms of rows, the last dim of x [..., C]:
//
//   layerNorm   y = (x - mean) / sqrt(var + eps) weight + bias      (Ba et al. 2016)
//   rmsNorm     y = x / sqrt(mean_c x^2 + eps) (offset + weight)    (Zhang & Sennrich 2019; the offset 0, or 1 in Gemma)
//
// x and two numbers per row are kept for backward. With h = (x - mean) rstd and g = dy (offset + weight):
//   dx = rstd (g - mean_c g - h mean_c (g h)), the first mean for layerNorm only;  dweight = sum_r dy h;  dbias = sum_r dy

import { checkOptions } from "../tensor/option_names.ts";
import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { columnSums } from "./add_bias.ts";
import { checkFloats, checkSameDevice, inF32 } from "./operands.ts";

/**
 * Operands of {@linkcode layerNorm}.
 *
 * @category Ops
 */
export interface LayerNormOptions {
  /** [C] */
  readonly weight: FloatTensor;
  /** [C]. Default: there is none. */
  readonly bias?: FloatTensor | undefined;
  /** Added to the variance. */
  readonly eps: number;
}

/**
 * Operands of {@linkcode rmsNorm}.
 *
 * @category Ops
 */
export interface RmsNormOptions {
  /** [C] */
  readonly weight: FloatTensor;
  /** Added to the mean square. */
  readonly eps: number;
  /** Added to every weight. Default: 0. */
  readonly offset?: number | undefined;
}

/**
 * Layer norm of the last dim of `x` [..., C].
 *
 * @throws {RangeError} if the shapes do not fit, or eps is not above 0
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { layerNorm } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 3], { shape: [1, 2] });
 * using weight = Tensor.from(device, [1, 1]);
 * using bias = Tensor.from(device, [0, 0]);
 * using y = layerNorm(x, { weight, bias, eps: 1e-5 });
 * console.log(await y.data()); // -1, 1
 * ```
 *
 * @category Ops
 */
export function layerNorm(x: FloatTensor, options: LayerNormOptions): Tensor {
  checkOptions("layerNorm()", options, ["weight", "bias", "eps"]);
  const { weight, bias, eps } = options;
  checkFloats("layerNorm", bias === undefined ? { x, weight } : { x, weight, bias });
  const vectors = bias === undefined ? [weight] : [weight, bias];
  checkOperands("layerNorm", x, { vectors, eps });
  const { y, moments } = normalize(x, { weight, bias, eps, centred: 1, offset: 0 });
  return y.computedBy({
    op: "layerNorm",
    inputs: [x, ...vectors],
    saved: [moments],
    gradient: (dy, [wantsX, wantsWeight, wantsBias]) => [
      wantsX ? inputGradient(x, { weight, dy, moments, centred: 1, offset: 0 }) : undefined,
      wantsWeight ? weightGradient(x, { weight, dy, moments }) : undefined,
      wantsBias ? columnSums(dy) : undefined,
    ],
  });
}

/**
 * RMS norm of the last dim of `x` [..., C].
 *
 * @throws {RangeError} if the shapes do not fit, or eps is not above 0
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { rmsNorm } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [3, 4], { shape: [1, 2] });
 * using weight = Tensor.from(device, [1, 1]);
 * using y = rmsNorm(x, { weight, eps: 1e-6 });
 * console.log(await y.data()); // 0.85, 1.13
 * ```
 *
 * @category Ops
 */
export function rmsNorm(x: FloatTensor, options: RmsNormOptions): Tensor {
  checkOptions("rmsNorm()", options, ["weight", "eps", "offset"]);
  const { weight, eps, offset = 0 } = options;
  checkFloats("rmsNorm", { x, weight });
  checkOperands("rmsNorm", x, { vectors: [weight], eps });
  const { y, moments } = normalize(x, { weight, bias: undefined, eps, centred: 0, offset });
  return y.computedBy({
    op: "rmsNorm",
    inputs: [x, weight],
    saved: [moments],
    gradient: (dy, [wantsX, wantsWeight]) => [
      wantsX ? inputGradient(x, { weight, dy, moments, centred: 0, offset }) : undefined,
      wantsWeight ? weightGradient(x, { weight, dy, moments }) : undefined,
    ],
  });
}

function normalize(
  x: FloatTensor,
  { weight, bias, eps, centred, offset }: {
    readonly weight: FloatTensor;
    readonly bias: FloatTensor | undefined;
    readonly eps: number;
    /** 1 for a layer norm. */
    readonly centred: 0 | 1;
    readonly offset: number;
  },
): { readonly y: Tensor; readonly moments: Tensor } {
  const { device } = x;
  const { rows, cols } = rowsAndCols(x.shape);
  const y = Tensor.empty(device, x.shape);
  const moments = Tensor.empty(device, [rows, 2]);
  inF32([x, weight, bias], (x, weight, bias) => {
    device.run("norm", {
      x: x.buffer,
      weight: weight.buffer,
      bias: bias?.buffer ?? device.empty,
      out: y.buffer,
      moments: moments.buffer,
    }, {
      rows,
      cols,
      eps,
      biasLength: bias === undefined ? 0 : cols,
      centred,
      offset,
    });
  });
  return { y, moments };
}

interface Saved {
  readonly weight: FloatTensor;
  readonly dy: Tensor;
  readonly moments: Tensor;
}

function inputGradient(
  x: FloatTensor,
  { weight, dy, moments, centred, offset }: Saved & {
    readonly centred: 0 | 1;
    readonly offset: number;
  },
): Tensor {
  const { rows, cols } = rowsAndCols(x.shape);
  const dx = Tensor.empty(x.device, x.shape);
  inF32([x, weight], (x, weight) => {
    x.device.run("norm_backward", {
      x: x.buffer,
      weight: weight.buffer,
      dy: dy.buffer,
      moments: moments.buffer,
      dx: dx.buffer,
    }, { rows, cols, centred, offset });
  });
  return dx;
}

function weightGradient(x: FloatTensor, { weight, dy, moments }: Saved): Tensor {
  const { rows, cols } = rowsAndCols(x.shape);
  const dWeight = Tensor.empty(x.device, weight.shape);
  inF32([x], (x) => {
    x.device.run("norm_weight_backward", {
      x: x.buffer,
      dy: dy.buffer,
      moments: moments.buffer,
      dweight: dWeight.buffer,
    }, { rows, cols });
  });
  return dWeight;
}

function checkOperands(
  op: string,
  x: FloatTensor,
  { vectors, eps }: { readonly vectors: readonly FloatTensor[]; readonly eps: number },
): void {
  checkSameDevice(op, x, ...vectors);
  const cols = x.shape.at(-1);
  if (cols === undefined || vectors.some(({ shape }) => shape.length !== 1 || shape[0] !== cols)) {
    throw new RangeError(
      `${op}() wants x of [..., C] and vectors of [C], got ${formatShape(x.shape)} and ` +
        vectors.map(({ shape }) => formatShape(shape)).join(" and "),
    );
  }
  // With eps 0 a row of zeros has no norm.
  if (!(eps > 0 && eps < Infinity)) throw new RangeError(`${op}() wants eps > 0, got ${eps}`);
}
