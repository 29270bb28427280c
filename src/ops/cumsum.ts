// y[..., c, ...] = sum of x[..., i, ...] over i <= c along one dim.        dx = the same of dy, from the end backwards

import { elementCount } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { dimOf } from "./dims.ts";
import { checkFloats, inF32 } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { inverseOrder, permuted } from "./permute.ts";

/**
 * Running sums along `dim`.
 *
 * @throws {RangeError} if there is no such dim.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { cumsum } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using y = cumsum(x, { dim: 1 });
 * console.log(await y.data()); // 1, 3, 6, 4, 9, 15
 * ```
 *
 * @category Ops
 */
export function cumsum(x: FloatTensor, options: { readonly dim: number }): Tensor {
  checkFloats("cumsum", { x });
  checkOptions("cumsum()", options, ["dim"]);
  const dim = dimOf("cumsum", x, options.dim);
  return runningSums(x, dim, "forwards").computedBy({
    op: "cumsum",
    inputs: [x],
    gradient: (dy) => [runningSums(dy, dim, "backwards")],
  });
}

function runningSums(x: FloatTensor, dim: number, direction: "forwards" | "backwards"): Tensor {
  const [outer, cols, inner] = [
    elementCount(x.shape.slice(0, dim)),
    x.shape[dim]!,
    elementCount(x.shape.slice(dim + 1)),
  ];
  const params = { rows: outer * inner, cols, backwards: direction === "backwards" ? 1 : 0 };
  return inF32([x], (x) => {
    if (inner === 1) {
      const y = Tensor.empty(x.device, x.shape);
      x.device.run("running_sums", { x: x.buffer, out: y.buffer }, params);
      return y;
    }
    // The dim goes to the end, and comes back.
    const order = [...x.shape.keys().filter((each) => each !== dim), dim];
    const rows = permuted(x, order);
    const sums = Tensor.empty(x.device, rows.shape);
    x.device.run("running_sums", { x: rows.buffer, out: sums.buffer }, params);
    const y = permuted(sums, inverseOrder(order));
    for (const temporary of [rows, sums]) temporary.release();
    return y;
  });
}
