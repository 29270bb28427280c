// The mean of the features of a sequence's real tokens: x [B, T, D], mask [B, T] -> [B, D]

import { constantNumbers } from "../../ops/constant.ts";
import { mul } from "../../ops/mul.ts";
import { sum } from "../../ops/sum.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/** The mean over tokens whose mask is 1; over all without a mask. A sequence without real tokens gives 0. */
export function meanOfSequence(x: FloatTensor, mask: Tensor<"u32"> | undefined): Tensor {
  const [batch, length] = x.shape;
  const real = mask?.indices ?? new Uint32Array(batch * length).fill(1);
  const counts = Array.from(
    { length: batch },
    (_, row) => real.subarray(row * length, (row + 1) * length).reduce((a, b) => a + b, 0),
  );
  const shares = Float32Array.from(real, (is, at) => is / (counts[Math.floor(at / length)] || 1));
  return sum(mul(x, constantNumbers(x.device, shares, [batch, length, 1])), { dim: 1 });
}
