// The features at the first position of a sequence, such as those of a class token: x [B, T, D] -> [B, D]

import { reshape } from "../../ops/reshape.ts";
import { slice } from "../../ops/slice.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/** The features of the first position of every sequence. @throws {RangeError} if there is none */
export function firstOfSequence(x: FloatTensor): Tensor {
  const [batch, , width] = x.shape;
  return reshape(slice(x, { dim: 1, begin: 0, end: 1 }), [batch, width]);
}
