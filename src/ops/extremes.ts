// The largest and the smallest elements over some dims, or over all, and where they are.
//
//   y = max over the dims of x        dx = dy at the first of the largest elements, 0 elsewhere
//
// The dims are made the rows of a matrix, by a permutation if they are not the last ones. NaN is both the largest and the smallest.

import { elementCount, formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { dimOf, dimsOf, type DimsOptions, shapeAfter } from "./dims.ts";
import { checkFloats, inF32 } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { inverseOrder, permuted } from "./permute.ts";

/**
 * Options of {@linkcode argmax} and {@linkcode argmin}.
 *
 * @category Ops
 */
export interface DimOptions {
  /** The dim: from 0, or from -1 backwards. Default: all elements are one row. */
  readonly dim?: number;
  /** Whether the dim stays, with length 1. Default: false. */
  readonly keepDims?: boolean;
}

/**
 * The largest element over the dims `dim`, by default over all: then a tensor of shape []. NaN if one is NaN. The gradient goes to the
 * first of equal elements.
 *
 * @throws {RangeError} if there is no element, no such dim, or it is named twice.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { max } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 5, 3, 4, 2, 6], { shape: [2, 3] });
 * using y = max(x, { dim: 1 });
 * console.log(await y.data()); // 5, 6
 * ```
 *
 * @category Ops
 */
export function max(x: FloatTensor, options: DimsOptions = {}): Tensor {
  return extreme("max", x, options);
}

/**
 * The smallest element over the dims `dim`, by default over all: then a tensor of shape []. NaN if one is NaN. The gradient goes to the
 * first of equal elements.
 *
 * @throws {RangeError} if there is no element, no such dim, or it is named twice.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { min } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 5, 3, 4, 2, 6], { shape: [2, 3] });
 * using y = min(x, { dim: 0, keepDims: true });
 * console.log(y.shape, await y.data()); // [1, 3]: 1, 2, 3
 * ```
 *
 * @category Ops
 */
export function min(x: FloatTensor, options: DimsOptions = {}): Tensor {
  return extreme("min", x, options);
}

/**
 * The index of the largest element along `dim`, or among all elements in their order; the first of equal ones. It is read back to the
 * host, so that ops that take indices can check it.
 *
 * @throws {RangeError} if there is no element, or no such dim.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { argmax } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 5, 3, 4, 2, 6], { shape: [2, 3] });
 * using indices = await argmax(x, { dim: 1 });
 * console.log(indices.indices); // 1, 2
 * ```
 *
 * @category Ops
 */
export async function argmax(x: FloatTensor, options: DimOptions = {}): Promise<Tensor<"u32">> {
  return await indexOfExtreme("argmax", x, options);
}

/**
 * The index of the smallest element along `dim`, or among all elements in their order; the first of equal ones. It is read back to the
 * host, so that ops that take indices can check it.
 *
 * @throws {RangeError} if there is no element, or no such dim.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { argmin } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 5, 3, 4, 2, 6], { shape: [2, 3] });
 * using indices = await argmin(x);
 * console.log(indices.indices); // 0
 * ```
 *
 * @category Ops
 */
export async function argmin(x: FloatTensor, options: DimOptions = {}): Promise<Tensor<"u32">> {
  return await indexOfExtreme("argmin", x, options);
}

function extreme(op: "max" | "min", x: FloatTensor, options: DimsOptions): Tensor {
  checkFloats(op, { x });
  const dims = dimsOf(op, x, options);
  const { rows, cols, order } = rowsOver(op, x, dims);
  const { values, indices } = extremesOf(op, x, {
    dims,
    shape: shapeAfter(x.shape, dims, options),
  });
  return values.computedBy({
    op,
    inputs: [x],
    saved: [indices],
    gradient(dy) {
      const dRows = Tensor.empty(x.device, order.map((dim) => x.shape[dim]!));
      const operands = { indices: indices.buffer, dy: dy.buffer, dx: dRows.buffer };
      x.device.run("gather_columns_backward", operands, { rows, cols, count: 1 });
      if (isSorted(order)) return [dRows];
      const dx = permuted(dRows, inverseOrder(order));
      dRows.release();
      return [dx];
    },
  });
}

/** The extreme over `dims`, in the given shape, and its place along them; records no gradient. */
export function extremesOf(
  op: "max" | "min" | "argmax" | "argmin" | "logSumExp",
  x: FloatTensor,
  { dims, shape }: { readonly dims: readonly number[]; readonly shape: readonly number[] },
): { readonly values: Tensor; readonly indices: Tensor<"u32"> } {
  const { rows, cols, order } = rowsOver(op, x, dims);
  const values = Tensor.empty(x.device, shape);
  const indices = Tensor.emptyIndices(x.device, shape);
  inF32([x], (x) => {
    const inRows = isSorted(order) ? x : permuted(x, order);
    x.device.run("row_extremes", {
      x: inRows.buffer,
      values: values.buffer,
      indices: indices.buffer,
    }, { rows, cols, smallest: op === "min" || op === "argmin" ? 1 : 0 });
    if (inRows !== x) inRows.release();
  });
  return { values, indices };
}

async function indexOfExtreme(
  op: "argmax" | "argmin",
  x: FloatTensor,
  options: DimOptions,
): Promise<Tensor<"u32">> {
  checkFloats(op, { x });
  checkOptions(`${op}()`, options, ["dim", "keepDims"]);
  const { dim } = options;
  const dims = dim === undefined ? [...x.shape.keys()] : [dimOf(op, x, dim)];
  const shape = shapeAfter(x.shape, dims, options);
  const { values, indices } = extremesOf(op, x, { dims, shape });
  values.release();
  const found = await indices.data();
  indices.release();
  return Tensor.from(x.device, found, { shape });
}

/** The matrix whose rows are the dims, and the order of dims in it. @throws {RangeError} if its rows are empty, but it is not */
function rowsOver(
  op: string,
  x: FloatTensor,
  dims: readonly number[],
): { readonly rows: number; readonly cols: number; readonly order: readonly number[] } {
  const lengths = (of: readonly number[]) => elementCount(of.map((dim) => x.shape[dim]!));
  const summed = dims.toSorted((a, b) => a - b);
  const kept = [...x.shape.keys()].filter((dim) => !dims.includes(dim));
  const cols = lengths(summed);
  if (cols === 0) {
    throw new RangeError(
      `${op}() wants at least one element, the shape is ${formatShape(x.shape)}`,
    );
  }
  return { rows: lengths(kept), cols, order: [...kept, ...summed] };
}

function isSorted(order: readonly number[]): boolean {
  return order.every((dim, at) => dim === at);
}
