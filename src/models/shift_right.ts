// What a decoder reads to write the labels: each token follows those before it, so the labels move one to the right, behind a
// token that begins every text. Labels that do not count become padding.

import { IGNORE_INDEX } from "../ops/cross_entropy.ts";
import { indicesOf } from "../ops/embedding.ts";
import { formatShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Tokens with a meaning of their own. */
export interface ShiftTokens {
  /** What every text begins with. */
  readonly start: number;
  /** What stands for a label that does not count. */
  readonly padding: number;
}

/** labels [B, T] -> [B, T], released with what is computed from them. @throws {RangeError} if they have another shape */
export function shiftRight(labels: Tensor<"u32">, { start, padding }: ShiftTokens): Tensor<"u32"> {
  const { shape } = labels;
  if (shape.length !== 2) {
    throw new RangeError(`shiftRight() wants labels of [B, T], got ${formatShape(shape)}`);
  }
  const values = indicesOf("shiftRight", labels).map((_, i, all) => {
    if (i % shape[1] === 0) return start;
    return all[i - 1] === IGNORE_INDEX ? padding : all[i - 1];
  });
  return Tensor.from(labels.device, values, { shape }).computedBy({
    op: "shiftRight",
    inputs: [labels],
    gradient: () => [undefined],
  });
}
