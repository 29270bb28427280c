// Tensors of one shape as the parts of one with a dim more, and a tensor in parts along a dim; both by concat() and slice().

import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { dimOf } from "./dims.ts";
import { checkFloats, checkNumbers } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { reshape } from "./reshape.ts";
import { checkParts, concat, slice } from "./slice.ts";

/**
 * Joins tensors of one shape along a new dim: `dim` of the result, by default the first.
 *
 * @throws {RangeError} if there are none, their shapes differ, or the result has no such dim.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { stack } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using a = Tensor.from(device, [1, 2]);
 * using b = Tensor.from(device, [3, 4]);
 * using y = stack([a, b], { dim: 1 });
 * console.log(await y.data()); // 1, 3, 2, 4
 * ```
 *
 * @category Ops
 */
export function stack(
  parts: readonly FloatTensor[],
  options: { /** Default: 0. */ readonly dim?: number } = {},
): Tensor {
  checkOptions("stack()", options, ["dim"]);
  checkParts("stack", parts);
  const [first, ...others] = parts;
  if (first === undefined) throw new RangeError("stack() wants at least one tensor, got none");
  const odd = others.find(({ shape }) => !sameShape(shape, first.shape));
  if (odd !== undefined) {
    throw new RangeError(
      `stack() wants tensors of one shape, got ${formatShape(first.shape)} and ${
        formatShape(odd.shape)
      }: concat() joins along a dim that they have`,
    );
  }
  const dim = dimOf("stack", { shape: [...first.shape, parts.length] }, options.dim ?? 0);
  return concat(parts.map((part) => reshape(part, part.shape.toSpliced(dim, 0, 1))), { dim });
}

/**
 * Options of {@linkcode split}.
 *
 * @category Ops
 */
export interface SplitOptions {
  /** Length of each part (the last may be shorter), or the lengths of all parts. */
  readonly lengths: number | readonly number[];
  /** Default: 0. */
  readonly dim?: number;
}

/**
 * The parts of `x` along a dim, in order.
 *
 * @throws {RangeError} if there is no such dim, or the lengths are not integers from 0 (one length: from 1) that add up to it.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { split } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5]);
 * const [begin, end] = split(x, { lengths: [2, 3] });
 * console.log(await begin.data(), await end.data()); // 1, 2 and 3, 4, 5
 * begin[Symbol.dispose]();
 * end[Symbol.dispose]();
 * ```
 *
 * @category Ops
 */
export function split(x: FloatTensor, options: SplitOptions): Tensor[] {
  checkFloats("split", { x });
  checkOptions("split()", options, ["lengths", "dim"]);
  const dim = dimOf("split", x, options.dim ?? 0);
  const length = x.shape[dim]!;
  const { lengths } = options;
  const parts = typeof lengths === "number" ? equalParts(length, lengths) : lengths;
  if (typeof lengths !== "number") checkNumbers("split", "lengths", lengths);
  const isWhole = (each: number) => Number.isSafeInteger(each) && each >= 0;
  if (!parts.every(isWhole) || parts.reduce((sum, each) => sum + each, 0) !== length) {
    throw new RangeError(
      `split() wants lengths that add up to ${length}, dim ${dim} of ${formatShape(x.shape)}, got ${
        Array.isArray(lengths) ? `[${lengths.join(", ")}]` : lengths
      }`,
    );
  }
  let begin = 0;
  return parts.map((each) => slice(x, { dim, begin, end: begin += each }));
}

/** One that is no length if `each` is none. */
function equalParts(length: number, each: number): number[] {
  if (!Number.isSafeInteger(each) || each < 1) return [NaN];
  const count = Math.ceil(length / each);
  return Array.from({ length: count }, (_, part) => Math.min(each, length - part * each));
}
