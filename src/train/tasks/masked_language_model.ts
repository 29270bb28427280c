// Masked language modelling: predicting the chosen tokens of a text (masked_tokens.ts) from the others.

import type { BertMaskedLm } from "../../models/bert.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DrawnExample, Examples, Task } from "../task.ts";
import { type Masking, maskTokens } from "./masked_tokens.ts";
import type { RowsOfTask } from "./language_rows.ts";
import { longestOf, paddedLength, paddedRows, paddingMask } from "./padding.ts";
import {
  type BatchOfTargets,
  boundTargets,
  type TargetPlaces,
  targetPlaces,
} from "./target_places.ts";
import type { TokenRows } from "./token_rows.ts";

/** Masked texts on a device. Disposing it releases all tensors. */
export interface MaskedBatch extends BatchOfTargets {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T]: 1 for tokens, 0 for padding. */
  readonly mask: Tensor<"u32">;
  /** The chosen tokens as they were. */
  readonly targets: TargetPlaces;
}

/** Makes the task of predicting masked tokens; every row has a token that is not special. */
export function maskedLanguageModel(
  { train, heldOut, context, ...masking }: RowsOfTask & Masking,
): Task<BertMaskedLm, MaskedBatch> {
  return {
    name: "masked-lm",
    facts: { context: String(context), "mask token": String(masking.maskToken) },
    hasVocabularyLogits: true,
    train: examples(train, context, masking),
    heldOut: examples(heldOut, context, masking),
    bind: (model, split) =>
      boundTargets(
        ({ tokens, mask, targets: { at: logitsAt } }, dropout) =>
          model.forward({ tokens, mask, dropout, logitsAt }),
        { split, numClasses: masking.vocabularySize },
      ),
  };
}

function examples(rows: TokenRows, context: number, masking: Masking): Examples<MaskedBatch> {
  const masked = (example: DrawnExample) => maskTokens(rows.row(example.index), example, masking);
  return {
    length: rows.length,
    numTargets: (example) => masked(example).numTargets,
    numTokens: ({ index }) => rows.row(index).length,
    digest: async () => `sha256:${await rows.digest()}`,
    batch: (device, drawn, step = drawn) => {
      const all = drawn.map(masked);
      const length = paddedLength(longestOf(step.map(({ index }) => rows.row(index))), context);
      const tokens = all.map((each) => each.tokens);
      const targets = all.map((each) => each.targets);
      const scope = new DisposableStack();
      return {
        tokens: scope.use(paddedRows(device, tokens, { length, fill: 0 })),
        mask: scope.use(paddingMask(device, tokens, { length })),
        targets: scope.use(targetPlaces(device, targets, { length })),
        [Symbol.dispose]: () => scope.dispose(),
      };
    },
  };
}
