// y[t, :] = x[t, :] W[e]^T for the rows t of group e, W [E, O, I]: rows are sorted by group, and counts[e] of them are in group e.
//
//   dx[t, :] = dy[t, :] W[e]        dW[e] = sum over t in group e of dy[t, :]^T x[t, :], 0 for an empty group
//
// Each group is a product of its own, from its rows in x to its rows in y: a row has the bits that linear() with the group's matrix gives
// it, whatever other rows and groups there are.

import { checkOptions } from "../tensor/option_names.ts";
import { formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { multiply } from "./matmul.ts";
import { checkFloats, checkNumbers, checkSameDevice, inF32 } from "./operands.ts";

/**
 * A linear map of each group of rows by a matrix of its own: `x` [N, I], `weight` [E, O, I] -> [N, O]. The first `counts[0]` rows are
 * mapped by `weight[0]`, the next `counts[1]` by `weight[1]`, and so on; groups may be empty.
 *
 * @throws {RangeError} if the shapes do not fit, or the counts are not E whole numbers that add up to N.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { groupedLinear } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3], { shape: [3, 1] });
 * using weight = Tensor.from(device, [10, 100], { shape: [2, 1, 1] });
 * using y = groupedLinear(x, weight, { counts: [1, 2] });
 * console.log(await y.data()); // 10, 200, 300
 * ```
 *
 * @category Ops
 */
export function groupedLinear(
  x: FloatTensor,
  weight: FloatTensor,
  options: { readonly counts: readonly number[] },
): Tensor {
  checkOptions("groupedLinear()", options, ["counts"]);
  const { counts } = options;
  checkNumbers("groupedLinear", "counts", counts);
  checkFloats("groupedLinear", { x, weight });
  checkSameDevice("groupedLinear", x, weight);
  const [numGroups, numOut, numIn] = weight.shape;
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (x.shape.length !== 2 || weight.shape.length !== 3 || x.shape[1] !== numIn) {
    throw new RangeError(
      `groupedLinear() wants x of [N, I] and weight of [E, O, I], got ${formatShape(x.shape)} and ${
        formatShape(weight.shape)
      }`,
    );
  }
  if (counts.length !== numGroups || total !== x.shape[0] || !counts.every(isCount)) {
    throw new RangeError(
      `groupedLinear() wants ${numGroups} counts that add up to the ${x.shape[0]} rows of x, got [${
        counts.join(", ")
      }]`,
    );
  }
  const perMatrix = numOut * numIn;
  const groups = counts.map((count, e) => ({
    count,
    first: counts.slice(0, e).reduce((sum, count) => sum + count, 0),
    matrix: e * perMatrix,
  }));
  const y = Tensor.empty(x.device, [total, numOut]);
  inF32([x, weight], (x, weight) => {
    for (const { count: m, first, matrix } of groups) {
      if (m === 0) continue;
      const from = { aFrom: first * numIn, bFrom: matrix, outFrom: first * numOut };
      multiply("matmul_nt", { a: x, b: weight, out: y }, { ...from, m, n: numOut, k: numIn });
    }
  });
  return y.computedBy({
    op: "groupedLinear",
    inputs: [x, weight],
    gradient(dy, [wantsX, wantsWeight]) {
      const dx = wantsX ? Tensor.empty(x.device, x.shape) : undefined;
      const dWeight = wantsWeight ? Tensor.empty(x.device, weight.shape) : undefined;
      if (dx !== undefined) {
        inF32([weight], (weight) => {
          for (const { count: m, first, matrix } of groups) {
            if (m === 0) continue;
            const from = { aFrom: first * numOut, bFrom: matrix, outFrom: first * numIn };
            multiply("matmul_nn", { a: dy, b: weight, out: dx }, {
              ...from,
              m,
              n: numIn,
              k: numOut,
            });
          }
        });
      }
      if (dWeight !== undefined) {
        inF32([x], (x) => {
          // A product of no rows is 0.
          for (const { count: k, first, matrix } of groups) {
            const from = { aFrom: first * numOut, bFrom: first * numIn, outFrom: matrix };
            multiply("matmul_tn", { a: dy, b: x, out: dWeight }, {
              ...from,
              m: numOut,
              n: numIn,
              k,
            });
          }
        });
      }
      return [dx, dWeight];
    },
  });
}

function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0;
}
