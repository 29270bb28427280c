// y[t, :] = table[indices[t], :].        dtable[v, :] = sum of dy[t, :] over t with indices[t] = v, in the order of t
//
// The table may be stored in 16 bits: only the rows that are looked up are converted. A padding row is looked up as any other, but gets
// no gradient.

import { checkOptions } from "../tensor/option_names.ts";
import { storageTypes } from "../device/storage_types.ts";
import { formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, checkSameDevice, checkU32 } from "./operands.ts";

/**
 * Options of {@linkcode embedding}.
 *
 * @category Ops
 */
export interface EmbeddingLookup {
  /** A row that gets no gradient: that of the padding token. Default: none. */
  readonly paddingIndex?: number | undefined;
}

/** The index of a row that the table of {@linkcode partialEmbeddingAt} does not have. */
export const NO_ROW = 0xffffffff;

/**
 * Looks up rows of `table` [V, D] by `indices` [...]: [..., D].
 *
 * @throws {RangeError} if `table` is no matrix, or an index is not under V.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { embedding } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using table = Tensor.from(device, [0, 1, 10, 11, 20, 21], { shape: [3, 2] });
 * using indices = Tensor.from(device, [2, 0], { dtype: "u32" });
 * using y = embedding(table, indices);
 * console.log(await y.data()); // 20, 21, 0, 1
 * ```
 *
 * @category Ops
 */
export function embedding(
  table: FloatTensor,
  indices: Tensor<"u32">,
  options: EmbeddingLookup = {},
): Tensor {
  checkOptions("embedding()", options, ["paddingIndex"]);
  checkFloats("embedding", { table });
  checkIndices("embedding", indices, rowsOf(table));
  return lookUp(table, indices, { ...options, saved: [] });
}

/** As {@linkcode embedding}, with indices that the host computed: [...shape, D]. */
export function embeddingAt(
  table: FloatTensor,
  indices: Uint32Array,
  { shape }: { readonly shape: readonly number[] },
): Tensor {
  const onDevice = Tensor.from(table.device, indices, { shape });
  checkIndices("embedding", onDevice, rowsOf(table));
  return lookUp(table, onDevice, { saved: [onDevice] });
}

/**
 * As {@linkcode embedding}, with indices that the host computed, for a table that has only some of the rows: the index
 * {@linkcode NO_ROW} gives zeros, and no gradient.
 */
export function partialEmbeddingAt(
  table: FloatTensor,
  indices: Uint32Array,
  { shape, ...options }: EmbeddingLookup & { readonly shape: readonly number[] },
): Tensor {
  const numRows = rowsOf(table);
  const wrong = indices.find((index) => index >= numRows && index !== NO_ROW);
  if (wrong !== undefined) {
    throw new RangeError(
      `partialEmbeddingAt() wants indices under ${numRows}, or ${NO_ROW}, got ${wrong}`,
    );
  }
  const onDevice = Tensor.from(table.device, indices, { shape });
  return lookUp(table, onDevice, { ...options, saved: [onDevice] });
}

function lookUp(
  table: FloatTensor,
  indices: Tensor<"u32">,
  { paddingIndex, saved }: EmbeddingLookup & { readonly saved: readonly Tensor<"u32">[] },
): Tensor {
  checkSameDevice("embedding", table, indices);
  const [numRows, width] = table.shape;
  if (paddingIndex !== undefined && !isIndex(paddingIndex, numRows)) {
    throw new RangeError(`embedding() wants a padding index under ${numRows}, got ${paddingIndex}`);
  }
  const count = indices.length;
  const y = Tensor.empty(table.device, [...indices.shape, width]);
  table.device.run(
    "embedding",
    { table: table.buffer, indices: indices.buffer, out: y.buffer },
    { count, width, numRows, tableType: storageTypes[table.dtype] },
  );
  return y.computedBy({
    op: "embedding",
    inputs: [table, indices],
    saved,
    gradient(dy) {
      const dTable = table.filledLike(0);
      table.device.run(
        "embedding_backward",
        { indices: indices.buffer, dy: dy.buffer, dtable: dTable.buffer },
        { count, width, numRows },
      );
      if (paddingIndex !== undefined) {
        const row = { offset: paddingIndex * width, length: width, value: 0 };
        table.device.run("fill", { out: dTable.buffer }, row);
      }
      return [dTable];
    },
  });
}

/** @throws {RangeError} if `table` is no matrix. */
function rowsOf(table: FloatTensor): number {
  if (table.shape.length !== 2) {
    throw new RangeError(`embedding() wants a table of [V, D], got ${formatShape(table.shape)}`);
  }
  return table.shape[0];
}

/** @throws {RangeError} if an index is not under `limit`. */
export function checkIndices(op: string, indices: Tensor<"u32">, limit: number): void {
  const { length } = indicesOf(op, indices);
  if (length > 0 && indices.largest! >= limit) {
    throw new RangeError(`${op}() wants indices under ${limit}, got ${indices.largest}`);
  }
}

/** The elements of `indices` on the host. @throws {TypeError} if it is no tensor of indices that the host made */
export function indicesOf(op: string, indices: Tensor<"u32">): Uint32Array {
  checkU32(op, "indices", indices);
  if (indices.indices === undefined) {
    throw new TypeError(
      `${op}() wants indices whose values are known here, made by Tensor.from(): read these, and make a tensor of them`,
    );
  }
  return indices.indices;
}

function isIndex(index: number, limit: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < limit;
}
