// y[T, O] = x[T, I] W[O, I]^T + bias[O].        dx = dy W, dW = dy^T x, dbias[o] = sum_t dy[t, o]
//
// T are all leading dims of x together, I input features, O output features. The three gradients are functions of their own, as
// tensor-parallel layers compute them at different times.

import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { columnSums } from "./add_bias.ts";
import { multiply } from "./matmul.ts";
import { checkFloats, checkSameDevice, inF32 } from "./operands.ts";

/**
 * Affine map of the last dim: `x` [..., I], `weight` [O, I], `bias` [O] -> [..., O].
 *
 * @throws {RangeError} if the shapes do not fit.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { linear } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2], { shape: [1, 2] });
 * using weight = Tensor.from(device, [1, 0, 0, 1, 1, 1], { shape: [3, 2] });
 * using y = linear(x, weight);
 * console.log(await y.data()); // 1, 2, 3
 * ```
 *
 * @category Ops
 */
export function linear(x: FloatTensor, weight: FloatTensor, bias?: FloatTensor): Tensor {
  return linearForward(x, weight, bias).computedBy({
    op: "linear",
    inputs: bias === undefined ? [x, weight] : [x, weight, bias],
    gradient: (dy, [wantsX, wantsWeight, wantsBias]) => [
      wantsX ? inputGradient(dy, weight) : undefined,
      wantsWeight ? weightGradient(dy, x) : undefined,
      wantsBias ? columnSums(dy) : undefined,
    ],
  });
}

/** {@linkcode linear} without recording a gradient. */
export function linearForward(x: FloatTensor, weight: FloatTensor, bias?: FloatTensor): Tensor {
  checkShapes(x, weight, bias);
  const { rows: m, cols: k } = rowsAndCols(x.shape);
  const n = weight.shape[0];
  const y = Tensor.empty(x.device, [...x.shape.slice(0, -1), n]);
  inF32([x, weight, bias], (x, weight, bias) => {
    multiply("matmul_nt", { a: x, b: weight, bias, out: y }, { m, n, k });
  });
  return y;
}

/** dx [..., I] of dy [..., O]; records no gradient. */
export function inputGradient(dy: Tensor, weight: FloatTensor): Tensor {
  const { rows: m, cols: k } = rowsAndCols(dy.shape);
  const n = weight.shape[1];
  const dx = Tensor.empty(dy.device, [...dy.shape.slice(0, -1), n]);
  inF32([weight], (weight) => {
    multiply("matmul_nn", { a: dy, b: weight, out: dx }, { m, n, k });
  });
  return dx;
}

/** dW [O, I] of dy [..., O] and x [..., I]; records no gradient. */
export function weightGradient(dy: Tensor, x: FloatTensor): Tensor {
  const { rows: k, cols: m } = rowsAndCols(dy.shape);
  const n = x.shape.at(-1)!;
  const dWeight = Tensor.empty(dy.device, [m, n]);
  inF32([x], (x) => multiply("matmul_tn", { a: dy, b: x, out: dWeight }, { m, n, k }));
  return dWeight;
}

function checkShapes(x: FloatTensor, weight: FloatTensor, bias?: FloatTensor): void {
  checkFloats("linear", bias === undefined ? { x, weight } : { x, weight, bias });
  checkSameDevice("linear", x, weight, ...(bias === undefined ? [] : [bias]));
  if (x.shape.length === 0 || weight.shape.length !== 2 || weight.shape[1] !== x.shape.at(-1)) {
    throw new RangeError(
      `linear() wants x of [..., I] and weight of [O, I], got ${formatShape(x.shape)} and ` +
        `${
          formatShape(weight.shape)
        }: the last dim of x must be the weight's number of input features`,
    );
  }
  if (bias !== undefined && (bias.shape.length !== 1 || bias.length !== weight.shape[0])) {
    throw new RangeError(
      `linear() wants bias of [${weight.shape[0]}] for weight of ${
        formatShape(weight.shape)
      }, got ` +
        formatShape(bias.shape),
    );
  }
}
