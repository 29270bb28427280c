// Slices of a tensor along one dim, and concatenation along one dim. Viewed as [outer, length, inner], both copy a block of columns;
// the gradient of one is the other.

import { kindOf } from "../tensor/argument_checks.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, checkSameDevice, inF32 } from "./operands.ts";

/**
 * The part that {@linkcode slice} takes.
 *
 * @category Ops
 */
export interface SliceRange {
  /** The dim, from 0. */
  readonly dim: number;
  /** First index. */
  readonly begin: number;
  /** One past the last index. */
  readonly end: number;
}

/**
 * Indices `begin` to `end` of one dim of `x`.
 *
 * @throws {RangeError} if there are no such indices
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { slice } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using y = slice(x, { dim: 1, begin: 1, end: 3 });
 * console.log(await y.data()); // 2, 3, 5, 6
 * ```
 *
 * @category Ops
 */
export function slice(x: FloatTensor, range: SliceRange): Tensor {
  checkOptions("slice()", range, ["dim", "begin", "end"]);
  checkFloats("slice", { x });
  const { dim, begin, end } = range;
  const length = x.shape[dim];
  if (length === undefined || !(0 <= begin && begin <= end && end <= length)) {
    throw new RangeError(
      `slice() wants indices within dim ${dim} of ${formatShape(x.shape)}, got ${begin} to ${end}`,
    );
  }
  const y = Tensor.empty(x.device, x.shape.with(dim, end - begin));
  copyPart(x, y, { dim, fromBegin: begin, toBegin: 0, count: end - begin });
  return y.computedBy({
    op: "slice",
    inputs: [x],
    gradient: (dy) => {
      const dx = Tensor.empty(x.device, x.shape);
      x.device.run("fill", { out: dx.buffer }, { offset: 0, length: dx.length, value: 0 });
      copyPart(dy, dx, { dim, fromBegin: 0, toBegin: begin, count: end - begin });
      return [dx];
    },
  });
}

/**
 * Joins tensors along `dim`.
 *
 * @throws {RangeError} if they differ in another dim, or there are none
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { concat } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2], { shape: [2, 1] });
 * using b = Tensor.from(device, [3, 4, 5, 6], { shape: [2, 2] });
 * using y = concat([a, b], { dim: 1 });
 * console.log(await y.data()); // 1, 3, 4, 2, 5, 6
 * ```
 *
 * @category Ops
 */
export function concat(
  parts: readonly FloatTensor[],
  options: { readonly dim: number },
): Tensor {
  checkOptions("concat()", options, ["dim"]);
  const { dim } = options;
  checkParts("concat", parts);
  const [first, ...others] = parts;
  if (first === undefined || first.shape[dim] === undefined) {
    throw new RangeError(`concat() wants at least one tensor that has the dim ${dim}`);
  }
  checkSameDevice("concat", first, ...others);
  const rest = ({ shape }: FloatTensor) => shape.toSpliced(dim, 1);
  const odd = others.find((each) =>
    each.shape.length !== first.shape.length || !sameShape(rest(each), rest(first))
  );
  if (odd !== undefined) {
    throw new RangeError(
      `concat() along dim ${dim} wants tensors that are equal in all other dims, got ${
        formatShape(first.shape)
      } and ${formatShape(odd.shape)}`,
    );
  }
  const length = parts.reduce((sum, { shape }) => sum + shape[dim], 0);
  const y = Tensor.empty(first.device, first.shape.with(dim, length));
  const begins: number[] = [];
  let at = 0;
  for (const part of parts) {
    begins.push(at);
    copyPart(part, y, { dim, fromBegin: 0, toBegin: at, count: part.shape[dim] });
    at += part.shape[dim];
  }
  return y.computedBy({
    op: "concat",
    inputs: parts,
    gradient: (dy, wanted) =>
      parts.map((part, k) => {
        if (!wanted[k]) return undefined;
        const dPart = Tensor.empty(part.device, part.shape);
        copyPart(dy, dPart, { dim, fromBegin: begins[k], toBegin: 0, count: part.shape[dim] });
        return dPart;
      }),
  });
}

/** @throws {TypeError} if they are no array of tensors of numbers */
export function checkParts(op: string, parts: unknown): void {
  if (!Array.isArray(parts)) {
    throw new TypeError(`${op}() wants an array of tensors, got ${kindOf(parts)}`);
  }
  parts.forEach((part, i) => checkFloats(op, { [`part ${i}`]: part }));
}

/** Copies `count` indices of one dim; the other dims of both are equal. Records no gradient. */
export function copyPart(
  from: FloatTensor,
  to: Tensor,
  { dim, fromBegin, toBegin, count }: {
    readonly dim: number;
    readonly fromBegin: number;
    readonly toBegin: number;
    readonly count: number;
  },
): void {
  const product = (lengths: readonly number[]) => lengths.reduce((a, b) => a * b, 1);
  const inner = product(from.shape.slice(dim + 1));
  const rows = product(from.shape.slice(0, dim));
  if (rows * count * inner === 0) return;
  inF32([from], (from) => {
    from.device.run("copy_block", { x: from.buffer, out: to.buffer }, {
      rows,
      cols: count * inner,
      fromStride: from.shape[dim] * inner,
      fromOffset: fromBegin * inner,
      toStride: to.shape[dim] * inner,
      toOffset: toBegin * inner,
    });
  });
}
