// The largest elements of rows, and elements of rows by index.
//
//   topK     values[r, j] = the j-th largest of x[r, :]; of equal ones the lowest index comes first
//   gather   y[r, j] = x[r, indices[r, j]]              dx[r, c] = sum of dy[r, j] over j with indices[r, j] = c
//
// Indices are read back to the host, as ops that take indices check them there.

import { formatShape, rowsAndCols, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkIndices } from "./embedding.ts";
import { checkSameDevice, inF32 } from "./operands.ts";

/**
 * What {@linkcode topK} finds.
 *
 * @category Ops
 */
export interface LargestElements {
  /** [..., count], the largest first. */
  readonly values: Tensor;
  /** [..., count]: their indices along the last dim. The caller releases them. */
  readonly indices: Tensor<"u32">;
}

/**
 * The `count` largest elements along the last dim of `x` [..., C], the largest first. Of equal elements the one with the lowest index
 * comes first; -0 equals 0, and NaN counts as larger than all numbers. The values have a gradient.
 *
 * @throws {RangeError} if `count` is no integer from 1 to C.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { topK } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [3, 7, 7, 1], { shape: [1, 4] });
 * const { values, indices } = await topK(x, { count: 3 });
 * console.log(await values.data(), indices.indices); // 7, 7, 3 and 1, 2, 0
 * values[Symbol.dispose]();
 * indices[Symbol.dispose]();
 * ```
 *
 * @category Ops
 */
export async function topK(
  x: FloatTensor,
  { count }: { readonly count: number },
): Promise<LargestElements> {
  const indices = await topIndices(x, { count });
  const onDevice = Tensor.from(x.device, indices, { shape: x.shape.with(-1, count) });
  return { values: gather(x, onDevice), indices: onDevice };
}

/** The indices of {@linkcode topK} alone, on the host. */
export async function topIndices(
  x: FloatTensor,
  { count }: { readonly count: number },
): Promise<Uint32Array<ArrayBuffer>> {
  const cols = x.shape.at(-1) ?? 0;
  if (!Number.isInteger(count) || count < 1 || count > cols) {
    throw new RangeError(
      `topK() wants a count from 1 to the last dim of x, got ${count} of ${formatShape(x.shape)}`,
    );
  }
  const { device } = x;
  const { rows } = rowsAndCols(x.shape);
  using found = device.allocate(4 * rows * count);
  inF32([x], (x) => {
    device.run("top_k", { x: x.buffer, indices: found }, { rows, cols, count });
  });
  const { buffer, byteOffset } = await device.read(found);
  return new Uint32Array(buffer, byteOffset, rows * count);
}

/**
 * Elements along the last dim of `x` [..., C] by index [..., n], for each row its own: [..., n]. Indices may repeat.
 *
 * @throws {RangeError} if the leading dims differ, or an index is not under C.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { gather } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
 * using indices = Tensor.from(device, [2, 0, 1, 1], { shape: [2, 2], dtype: "u32" });
 * using y = gather(x, indices);
 * console.log(await y.data()); // 3, 1, 5, 5
 * ```
 *
 * @category Ops
 */
export function gather(x: FloatTensor, indices: Tensor<"u32">): Tensor {
  return elementsAt(x, indices, { saved: [] });
}

/** As {@linkcode gather}, with indices that the host computed: [...shape]. */
export function gatherAt(
  x: FloatTensor,
  indices: Uint32Array,
  { shape }: { readonly shape: readonly number[] },
): Tensor {
  const onDevice = Tensor.from(x.device, indices, { shape });
  return elementsAt(x, onDevice, { saved: [onDevice] });
}

function elementsAt(
  x: FloatTensor,
  indices: Tensor<"u32">,
  { saved }: { readonly saved: readonly Tensor<"u32">[] },
): Tensor {
  checkSameDevice("gather", x, indices);
  if (x.shape.length === 0 || !sameShape(indices.shape.slice(0, -1), x.shape.slice(0, -1))) {
    throw new RangeError(
      `gather() wants x of [..., C] and indices of [..., n], got ${formatShape(x.shape)} and ${
        formatShape(indices.shape)
      }`,
    );
  }
  const { device } = x;
  const { rows, cols } = rowsAndCols(x.shape);
  checkIndices("gather", indices, cols);
  const sizes = { rows, cols, count: indices.shape.at(-1)! };
  const y = Tensor.empty(device, indices.shape);
  inF32([x], (x) => {
    const operands = { x: x.buffer, indices: indices.buffer, out: y.buffer };
    device.run("gather_columns", operands, sizes);
  });
  return y.computedBy({
    op: "gather",
    inputs: [x, indices],
    saved,
    gradient(dy) {
      const dx = Tensor.empty(device, x.shape);
      const operands = { indices: indices.buffer, dy: dy.buffer, dx: dx.buffer };
      device.run("gather_columns_backward", operands, sizes);
      return [dx];
    },
  });
}
