// The decoder's input for given labels (teacher forcing): the labels, shifted one to the right, after the token that begins every
// text. Ignored labels become padding.

import { IGNORE_INDEX } from "../ops/cross_entropy.ts";
import { indicesOf } from "../ops/embedding.ts";
import { formatShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Special tokens for shifting labels.
 *
 * @category Models
 */
export interface ShiftTokens {
  /** The token that begins every text. */
  readonly start: number;
  /** Replaces ignored labels. */
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
