// Steps that self-attention and latent attention share.

import type { Dropout, DropoutMasks } from "../../nn/dropout.ts";
import type { Layer } from "../../nn/module.ts";
import { inputPartOf } from "../../nn/parallel/input_part.ts";
import type { AttentionDropout } from "../../ops/attention.ts";
import { reshape } from "../../ops/reshape.ts";
import { rotary, type RotaryAngles } from "../../ops/rotary.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** [B, T, H F] -> [B, T, H, F] */
export function inHeads(x: Tensor, headWidth: number): Tensor {
  const [batch, length, features] = x.shape;
  return reshape(x, [batch, length, features / headWidth, headWidth]);
}

/** `x` [B, T, H, F] rotated, if there are angles. No gradient needs what was rotated. */
export function rotated(
  x: Tensor,
  { angles, pairs = "halves", begin = 0 }: {
    readonly angles: RotaryAngles | undefined;
    readonly pairs: "halves" | "neighbours" | undefined;
    /** The first feature that is rotated. Default: 0. */
    readonly begin?: number;
  },
): Tensor {
  if (angles === undefined) return x;
  const y = rotary(x, { angles, pairs, begin });
  x.discard();
  return y;
}

/** The same q; what is computed from it also releases `others`, which nothing else is computed from. */
export function releasing(q: Tensor, others: readonly Tensor[]): Tensor {
  return q.alias(q.shape).computedBy({
    op: "releasing",
    inputs: [q, ...others],
    gradient: (dy) => [dy, ...others.map(() => undefined)],
  });
}

/** The heads that have the weights of a softmax. */
export interface DroppedHeads {
  /** Heads here. */
  readonly heads: number;
  /** H: heads of all ranks. */
  readonly allHeads: number;
  /** Features of a head in the input of `output`. */
  readonly valueWidth: number;
  /** Batches that one row of the model's input becomes, such as windows. Default: 1. */
  readonly perRow?: number;
  /** The output layer, which knows the heads of this rank. */
  readonly output: Layer;
}

/**
 * The mask of the weights of the softmax, by the indices of heads among those of all ranks; undefined if nothing is dropped.
 *
 * @throws {TypeError} if there are not all heads, and the output layer does not know which there are
 */
export function headDropout(
  dropout: Dropout | undefined,
  masks: DropoutMasks | undefined,
  { heads, allHeads, valueWidth, perRow = 1, output }: DroppedHeads,
): AttentionDropout | undefined {
  const drawn = dropout?.draw(masks);
  if (drawn === undefined) return undefined;
  const { firstRow, ...dropping } = drawn;
  const part = inputPartOf(output);
  if (part === undefined && heads !== allHeads) {
    throw new TypeError(
      `Cannot drop weights of ${heads} of ${allHeads} heads without knowing which: the output layer must be a Linear1DRow`,
    );
  }
  const firstHead = (part?.begin ?? 0) / valueWidth;
  return { ...dropping, firstBatch: firstRow * perRow, firstHead, allHeads };
}
