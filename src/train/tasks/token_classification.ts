// Classification of every word of a text, such as parts of speech or named entities. The first token of a word has its label.
//
//   row   [...tokens, ...labels]: as many labels as tokens, IGNORE_INDEX where there is none

import type { BertTokenClassifier } from "../../models/bert_token_classifier.ts";
import { crossEntropy, IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BoundTask, DrawnExample, Examples, Task } from "../task.ts";
import type { LabelledTokens } from "./example_tokens.ts";
import type { RowsOfTask } from "./language_rows.ts";
import { classMetrics, countClasses } from "./metrics/class_metrics.ts";
import { longestOf, paddedLength, paddedRows, paddingMask } from "./padding.ts";
import type { TokenRows } from "./token_rows.ts";

/** Texts with labels of their tokens on a device. Disposing it releases all tensors. */
export interface TokenClassBatch extends Disposable {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T]: 1 for tokens, 0 for padding. */
  readonly mask: Tensor<"u32">;
  /** [B, T]: classes, or `IGNORE_INDEX`. */
  readonly labels: Tensor<"u32">;
  readonly numTargets: number;
}

/** A row for {@linkcode tokenClassification}; undefined if no token has a label. `classes` are those of words. */
export function labelledRow(
  { tokens, words }: Pick<LabelledTokens, "tokens" | "words">,
  classes: readonly number[],
): Uint32Array | undefined {
  if (words.every((word) => word === undefined)) return undefined;
  return Uint32Array.of(
    ...tokens,
    ...words.map((word) => word === undefined ? IGNORE_INDEX : classes[word]),
  );
}

/** Makes the task of classifying words. */
export function tokenClassification(
  { train, heldOut, context, numClasses }: RowsOfTask & { readonly numClasses: number },
): Task<BertTokenClassifier, TokenClassBatch> {
  return {
    name: "token-classification",
    facts: { context: String(context) },
    hasVocabularyLogits: false,
    train: examples(train, context),
    heldOut: examples(heldOut, context),
    bind: (model) => bind(model, numClasses),
  };
}

function examples(rows: TokenRows, context: number): Examples<TokenClassBatch> {
  const tokensOf = ({ index }: DrawnExample) => {
    const row = rows.row(index);
    return row.subarray(0, row.length / 2);
  };
  const labelsOf = ({ index }: DrawnExample) => {
    const row = rows.row(index);
    return row.subarray(row.length / 2);
  };
  const countTargets = (example: DrawnExample) =>
    labelsOf(example).reduce((count, label) => count + (label === IGNORE_INDEX ? 0 : 1), 0);
  return {
    length: rows.length,
    numTargets: countTargets,
    numTokens: (example) => tokensOf(example).length,
    digest: async () => `sha256:${await rows.digest()}`,
    batch: (device, drawn, step = drawn) => {
      const length = paddedLength(longestOf(step.map(tokensOf)), context);
      const tokens = drawn.map(tokensOf);
      const scope = new DisposableStack();
      return {
        tokens: scope.use(paddedRows(device, tokens, { length, fill: 0 })),
        mask: scope.use(paddingMask(device, tokens, { length })),
        labels: scope.use(
          paddedRows(device, drawn.map(labelsOf), { length, fill: IGNORE_INDEX }),
        ),
        numTargets: drawn.reduce((total, example) => total + countTargets(example), 0),
        [Symbol.dispose]: () => scope.dispose(),
      };
    },
  };
}

function bind(model: BertTokenClassifier, numClasses: number): BoundTask<TokenClassBatch> {
  const lossOf = (logits: Tensor, labels: Tensor<"u32">) =>
    crossEntropy(logits, labels, { ignored: IGNORE_INDEX });
  return {
    loss: async ({ tokens, mask, labels }, dropout) =>
      lossOf(await model.forward({ tokens, mask, dropout }), labels),
    score: async ({ tokens, mask, labels, numTargets }) => {
      using logits = await model.forward({ tokens, mask });
      const counts = countClasses(await logits.data(), labels.indices!, numClasses);
      using mean = lossOf(logits, labels);
      return Float64Array.of(numTargets * await mean.item(), numTargets, ...counts);
    },
    metrics: (sums) => classMetrics(sums.subarray(2)),
  };
}
