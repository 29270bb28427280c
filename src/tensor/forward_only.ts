// Forward passes without gradients: nothing that a result was computed from is kept.

import { releaseIntermediates } from "./autograd.ts";
import type { Tensor } from "./tensor.ts";

/**
 * `forward(x)` as a leaf. Releases `x` and every intermediate, but no leaf other than `x`; the result must not share the memory of a
 * leaf.
 */
export async function forwardOnly(
  x: Tensor,
  forward: (x: Tensor) => Promise<Tensor> | Tensor,
): Promise<Tensor> {
  const y = await forward(x);
  if (y === x) return x;
  releaseIntermediates(y);
  x.release();
  return y;
}
