// Sorting along a dim: a merge sort, in passes that double the length of sorted runs, of which a device does each at once.
//        dx[indices[j]] = dvalues[j]

import { rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { dimOf } from "./dims.ts";
import { gather, gatherAt, transposedIndices } from "./gather.ts";
import { checkFloats, inF32 } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { transpose } from "./transpose.ts";

/**
 * What {@linkcode sort} gives, both of the shape of `x`.
 *
 * @category Ops
 */
export interface Sorted {
  /** The elements in order. */
  readonly values: Tensor;
  /** Where in the dim each of them was. The caller releases them. */
  readonly indices: Tensor<"u32">;
}

/**
 * Options of {@linkcode sort}.
 *
 * @category Ops
 */
export interface SortOptions {
  /** From 0, or from -1 backwards. Default: the last one. */
  readonly dim?: number;
  /** Whether the largest come first. Default: false. */
  readonly descending?: boolean;
}

/**
 * The elements of `x` in order along a dim. Equal elements keep their order; -0 equals 0, and NaN is larger than all numbers. The values
 * have a gradient.
 *
 * @throws {RangeError} if there is no such dim.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { sort } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [3, 1, 2]);
 * const { values, indices } = await sort(x);
 * console.log(await values.data(), indices.indices); // 1, 2, 3 and 1, 2, 0
 * values[Symbol.dispose]();
 * indices[Symbol.dispose]();
 * ```
 *
 * @category Ops
 */
export async function sort(x: FloatTensor, options: SortOptions = {}): Promise<Sorted> {
  checkFloats("sort", { x });
  checkOptions("sort()", options, ["dim", "descending"]);
  const dim = dimOf("sort", x, options.dim ?? -1);
  const last = x.shape.length - 1;
  const descending = options.descending ? 1 : 0;
  if (dim === last) {
    const found = await sortedColumns(x, { descending });
    const indices = Tensor.from(x.device, found, { shape: x.shape });
    return { values: gather(x, indices), indices };
  }
  const rows = transpose(x, dim, last);
  const found = await sortedColumns(rows, { descending });
  const values = transpose(gatherAt(rows, found, { shape: rows.shape }), dim, last);
  const [turned] = transposedIndices(found, rows.shape, dim);
  return { values, indices: Tensor.from(x.device, turned, { shape: x.shape }) };
}

/** For each row of the last dim its columns, in the order of its elements. */
async function sortedColumns(
  x: FloatTensor,
  { descending }: { readonly descending: 0 | 1 },
): Promise<Uint32Array> {
  const { device } = x;
  const { rows, cols } = rowsAndCols(x.shape);
  if (cols === 1) return new Uint32Array(rows);
  let [sorted, out] = [Tensor.emptyIndices(device, x.shape), Tensor.emptyIndices(device, x.shape)];
  inF32([x], (x) => {
    for (let run = 1; run < cols; run *= 2) {
      const operands = { x: x.buffer, sorted: sorted.buffer, out: out.buffer };
      device.run("merge_runs", operands, { rows, cols, run, descending });
      [sorted, out] = [out, sorted];
    }
  });
  const found = await sorted.data();
  for (const each of [sorted, out]) each.release();
  return found;
}
