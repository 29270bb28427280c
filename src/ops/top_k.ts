// The largest elements of rows: values[r, j] = the j-th largest of x[r, :]; of equal ones the lowest index comes first.
//
// Indices are read back to the host, as ops that take indices check them there.

import { checkOptions } from "../tensor/option_names.ts";
import { formatShape, rowsAndCols } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { gather } from "./gather.ts";
import { checkFloats, inF32 } from "./operands.ts";

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
  options: { readonly count: number },
): Promise<LargestElements> {
  checkOptions("topK()", options, ["count"]);
  checkFloats("topK", { x });
  const { count } = options;
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
