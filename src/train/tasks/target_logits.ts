// How many targets of a batch have the largest of their logits.

import { IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import { embeddingAt } from "../../ops/embedding.ts";
import { reshape } from "../../ops/reshape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ModelSplit } from "../model_split.ts";
import { countRightTokens } from "./metrics/token_metrics.ts";

/**
 * Counts right predictions of `targets` [B, T] by `logits` [B, T, V], or this rank's classes of them. Only rows that have a target are
 * gathered and read. All ranks that share the model call it together.
 */
export async function countRightTargets(
  logits: Tensor,
  targets: Tensor<"u32">,
  { split, numClasses }: { readonly split: ModelSplit; readonly numClasses: number },
): Promise<number> {
  const all = targets.indices!;
  const rows = Uint32Array.from(all.keys()).filter((at) => all[at] !== IGNORE_INDEX);
  const matrix = reshape(logits, [all.length, logits.shape.at(-1)!]);
  const own = embeddingAt(matrix, rows, { shape: [rows.length] });
  using whole = await split.wholeLogits(own, numClasses);
  return countRightTokens(await whole.data(), rows.map((at) => all[at]), numClasses);
}
