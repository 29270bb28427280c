// y[i_order[0], i_order[1], ...] = x[i_0, i_1, ...]: dims in another order.        dx = dy with the original order

import { formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, checkNumbers, inF32 } from "./operands.ts";

/**
 * Reorders the dims of `x`: dim k of the result is dim `order[k]` of `x`.
 *
 * @throws {RangeError} if `order` does not name every dim once.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { permute } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using y = permute(x, [1, 0]);
 * console.log(await y.data()); // 1, 4, 2, 5, 3, 6
 * ```
 *
 * @category Ops
 */
export function permute(x: FloatTensor, order: readonly number[]): Tensor {
  checkFloats("permute", { x });
  checkNumbers("permute", "the order", order);
  const dims = x.shape.map((_, dim) => dim);
  if (order.toSorted((a, b) => a - b).join() !== dims.join()) {
    throw new RangeError(
      `permute() wants every dim once, got the order [${order.join(", ")}] for ` +
        formatShape(x.shape),
    );
  }
  const back = inverseOrder(order);
  return permuted(x, order).computedBy({
    op: "permute",
    inputs: [x],
    gradient: (dy) => [permuted(dy, back)],
  });
}

/** {@linkcode permute} without checks, and without recording a gradient. */
export function permuted(x: FloatTensor, order: readonly number[]): Tensor {
  const shape = order.map((dim) => x.shape[dim]);
  return inF32([x], (x) => {
    const { lengths, places } = inGroups(x.shape, order);
    if (lengths.length <= 4) {
      const out = Tensor.empty(x.device, shape);
      reorder(x, out, { lengths, order: places });
      return out;
    }
    // One group after the other goes to the end, so that all are in order when the last one has.
    let current = { tensor: x, groups: [...lengths.keys()] };
    for (const group of places) {
      const { tensor, groups } = current;
      const at = groups.indexOf(group);
      const rest = groups.toSpliced(at, 1);
      const product = (of: readonly number[]) => of.reduce((n, each) => n * lengths[each], 1);
      const out = Tensor.empty(x.device, shape);
      const three = [product(groups.slice(0, at)), lengths[group], product(groups.slice(at + 1))];
      reorder(tensor, out, { lengths: three, order: [0, 2, 1] });
      if (tensor !== x) tensor.release();
      current = { tensor: out, groups: [...rest, group] };
    }
    return current.tensor;
  });
}

/** The order that undoes `order`. */
export function inverseOrder(order: readonly number[]): number[] {
  return order.map((_, dim) => order.indexOf(dim));
}

/** Dims that stay beside each other, as one; the lengths of these groups, and their order. */
function inGroups(
  shape: readonly number[],
  order: readonly number[],
): { readonly lengths: readonly number[]; readonly places: readonly number[] } {
  const kept = order.filter((dim) => shape[dim] !== 1);
  const groups: number[][] = [];
  for (const dim of kept) {
    const isNext = groups.length > 0 &&
      !shape.some((length, between) =>
        length !== 1 && between > groups.at(-1)!.at(-1)! && between < dim
      ) && dim > groups.at(-1)!.at(-1)!;
    if (isNext) groups.at(-1)!.push(dim);
    else groups.push([dim]);
  }
  const inPlace = groups.toSorted(([a], [b]) => a - b);
  return {
    lengths: inPlace.map((group) => group.reduce((n, dim) => n * shape[dim], 1)),
    places: groups.map((group) => inPlace.indexOf(group)),
  };
}

/** out = x of [lengths] with its at most 4 dims in another order. */
function reorder(
  x: Tensor,
  out: Tensor,
  { lengths, order }: { readonly lengths: readonly number[]; readonly order: readonly number[] },
): void {
  const strides = lengths.map((_, dim) => lengths.slice(dim + 1).reduce((a, b) => a * b, 1));
  const missing = new Array<number>(4 - lengths.length);
  const [dim0, dim1, dim2, dim3] = [...missing.fill(1), ...order.map((dim) => lengths[dim])];
  const [stride0, stride1, stride2, stride3] = [
    ...missing.fill(0),
    ...order.map((dim) => strides[dim]),
  ];
  const params = { dim0, dim1, dim2, dim3, stride0, stride1, stride2, stride3 };
  x.device.run("permute", { x: x.buffer, out: out.buffer }, params);
}
