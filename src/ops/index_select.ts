// Rows by index, and rows added at indices: each is the other's gradient.
//
//   y[t, :] = x[indices[t], :]                                       dx[v, :] = sum of dy[t, :] over t with indices[t] = v
//   y[v, :] = x[v, :] + sum of rows[t, :] over t with indices[t] = v        dx = dy, drows[t, :] = dy[indices[t], :]
//
// Sums are added in the order of t on every device. Rows are all dims after the first together.

import { formatShape, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkIndices, indicesOf } from "./embedding.ts";
import { checkFloats, checkSameDevice, checkU32, inF32 } from "./operands.ts";

/**
 * The rows of `x` [V, ...] with these indices [n], which may repeat: [n, ...].
 *
 * @throws {RangeError} if `x` has no dims, `indices` are not [n], or one is not under V.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { indexSelect } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, 1, 10, 11, 20, 21], { shape: [3, 2] });
 * using indices = Tensor.from(device, [2, 0, 2], { dtype: "u32" });
 * using y = indexSelect(x, indices);
 * console.log(await y.data()); // 20, 21, 0, 1, 20, 21
 * ```
 *
 * @category Ops
 */
export function indexSelect(x: FloatTensor, indices: Tensor<"u32">): Tensor {
  checkRows("indexSelect", x, indices);
  return rowsOf(x, indices);
}

/** As {@linkcode indexSelect}, with indices that the host computed. */
export function indexSelectAt(x: FloatTensor, indices: Uint32Array): Tensor {
  using onDevice = Tensor.from(x.device, indices);
  return indexSelect(x, onDevice);
}

/** The gradient needs the indices on the host only. */
function rowsOf(x: FloatTensor, indices: Tensor<"u32">): Tensor {
  const places = placesOf(indicesOf("indexSelect", indices), x.shape[0]);
  return selected(x, indices).computedBy({
    op: "indexSelect",
    inputs: [x],
    gradient(dy) {
      const dx = x.filledLike(0);
      addAt(dx, places, dy);
      return [dx];
    },
  });
}

/**
 * `x` [V, ...] with each of `rows` [n, ...] added to the row with its index; indices [n] may repeat.
 *
 * @throws {RangeError} if the shapes do not fit, or an index is not under V.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { indexAdd } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [0, 0, 100], { shape: [3, 1] });
 * using indices = Tensor.from(device, [2, 0, 2], { dtype: "u32" });
 * using rows = Tensor.from(device, [1, 2, 3], { shape: [3, 1] });
 * using y = indexAdd(x, indices, rows);
 * console.log(await y.data()); // 2, 0, 104
 * ```
 *
 * @category Ops
 */
export function indexAdd(x: FloatTensor, indices: Tensor<"u32">, rows: FloatTensor): Tensor {
  checkRows("indexAdd", x, indices);
  checkFloats("indexAdd", { rows });
  checkSameDevice("indexAdd", x, rows);
  if (!sameShape(rows.shape, [indices.length, ...x.shape.slice(1)])) {
    throw new RangeError(
      `indexAdd() wants a row for each of ${indices.length} indices, ${
        formatShape([indices.length, ...x.shape.slice(1)])
      }, got ${formatShape(rows.shape)}`,
    );
  }
  const y = x.copyAs("f32");
  const places = placesOf(indicesOf("indexAdd", indices), x.shape[0]);
  inF32([rows], (rows) => addAt(y, places, rows));
  return y.computedBy({
    op: "indexAdd",
    inputs: [x, indices, rows],
    gradient: (dy, [, , wantsRows]) => [
      dy,
      undefined,
      wantsRows ? selected(dy, indices) : undefined,
    ],
  });
}

/** y[t, :] = x[indices[t], :]; records no gradient. */
function selected(x: FloatTensor, indices: Tensor<"u32">): Tensor {
  const [numRows, ...row] = x.shape;
  const y = Tensor.empty(x.device, [indices.length, ...row]);
  const sizes = { count: indices.length, width: widthOf(x), numRows, tableType: 0 };
  inF32([x], (x) => {
    const operands = { table: x.buffer, indices: indices.buffer, out: y.buffer };
    x.device.run("embedding", operands, sizes);
  });
  return y;
}

/** The places of the indices 0, 1, 2 ..., one index after the other. */
interface Places {
  /** [V + 1]: where those of each index begin. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** [n] */
  readonly sources: Uint32Array<ArrayBuffer>;
}

/** Sorts places by their indices, and in their own order where those are equal. */
export function placesOf(indices: Uint32Array, numRows: number): Places {
  const starts = new Uint32Array(numRows + 1);
  for (const index of indices) starts[index + 1]++;
  for (let row = 0; row < numRows; row++) starts[row + 1] += starts[row];
  const next = starts.slice();
  const sources = new Uint32Array(indices.length);
  for (const [at, index] of indices.entries()) sources[next[index]++] = at;
  return { starts, sources };
}

/** out[v, :] += rows[t, :] for the places t of index v; records no gradient. */
function addAt(out: Tensor, { starts, sources }: Places, rows: Tensor): void {
  const { device } = out;
  using startsThere = device.allocate(starts.byteLength);
  using sourcesThere = device.allocate(sources.byteLength);
  device.write(startsThere, starts);
  device.write(sourcesThere, sources);
  device.run("index_add", {
    starts: startsThere,
    sources: sourcesThere,
    x: rows.buffer,
    out: out.buffer,
  }, { count: sources.length, width: widthOf(out), numRows: out.shape[0] });
}

function widthOf({ shape }: FloatTensor): number {
  return shape.slice(1).reduce((a, b) => a * b, 1);
}

function checkRows(op: string, x: FloatTensor, indices: Tensor<"u32">): void {
  checkFloats(op, { x });
  checkU32(op, "indices", indices);
  checkSameDevice(op, x, indices);
  if (x.shape.length === 0 || indices.shape.length !== 1) {
    throw new RangeError(
      `${op}() wants x of [V, ...] and indices of [n], got ${formatShape(x.shape)} and ${
        formatShape(indices.shape)
      }`,
    );
  }
  checkIndices(op, indices, x.shape[0]);
}
