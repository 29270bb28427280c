// The features of some tokens of a batch, such as those that predict something: x [B, T, D] -> [n, D]. Layers after it do only their work.

import { embeddingAt } from "../../ops/embedding.ts";
import { reshape } from "../../ops/reshape.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/** Rows `indices` of x as a matrix [B T, D]. @throws {RangeError} if one is not under B T */
export function featuresAt(
  x: FloatTensor,
  indices: Uint32Array,
  { shape = [indices.length] }: { readonly shape?: readonly number[] } = {},
): Tensor {
  const width = x.shape.at(-1)!;
  return embeddingAt(reshape(x, [x.length / width, width]), indices, { shape });
}
