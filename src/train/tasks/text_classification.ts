// Classification of a text, or of a pair of texts: one class each, any number of classes, or a number (regression).
//
//   row   [number of tokens of type 0, ...tokens]; those after them are of type 1

import type { BertClassifier } from "../../models/bert_classifier.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DrawnExample, Examples, Task } from "../task.ts";
import {
  boundClassification,
  type ClassLabels,
  digestOfLabels,
  type LabelledBatch,
  labelTensor,
} from "./class_labels.ts";
import type { SurroundedTokens } from "./example_tokens.ts";
import { longestOf, paddedLength, paddedRows, paddingMask } from "./padding.ts";
import type { TokenRows } from "./token_rows.ts";

/** Labelled texts on a device. Disposing it releases all tensors. */
export interface TextClassBatch extends LabelledBatch {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T] */
  readonly tokenTypes: Tensor<"u32">;
  /** [B, T]: 1 for tokens, 0 for padding. */
  readonly mask: Tensor<"u32">;
}

/** Texts with labels. */
export interface LabelledRows {
  readonly rows: TokenRows;
  readonly labels: ClassLabels;
}

/** A row for {@linkcode textClassification}. */
export function typedRow(
  { tokens, types }: Pick<SurroundedTokens, "tokens" | "types">,
): Uint32Array {
  const second = types?.indexOf(1) ?? -1;
  return Uint32Array.of(second < 0 ? tokens.length : second, ...tokens);
}

/** Makes the task of classifying texts of at most `context` tokens. */
export function textClassification(
  { train, heldOut, context }: {
    readonly train: LabelledRows;
    readonly heldOut: LabelledRows;
    readonly context: number;
  },
): Task<BertClassifier, TextClassBatch> {
  const { problem, numClasses } = train.labels;
  return {
    name: "classification",
    facts: { "context": String(context), "kind of labels": problem },
    hasVocabularyLogits: false,
    train: examples(train, context),
    heldOut: examples(heldOut, context),
    bind: (model) =>
      boundClassification(
        ({ tokens, tokenTypes, mask }, dropout) =>
          model.forward({ tokens, tokenTypes, mask, dropout }),
        { problem, numClasses },
      ),
  };
}

function examples({ rows, labels }: LabelledRows, context: number): Examples<TextClassBatch> {
  const tokensOf = ({ index }: DrawnExample) => rows.row(index).subarray(1);
  const typesOf = ({ index }: DrawnExample) => {
    const [first, ...tokens] = rows.row(index);
    return tokens.map((_, at) => at < first ? 0 : 1);
  };
  return {
    length: rows.length,
    numTargets: () => 1,
    numTokens: (example) => tokensOf(example).length,
    digest: async () => `sha256:${await rows.digest()}${await digestOfLabels(labels)}`,
    batch: (device, drawn, step = drawn) => {
      const length = paddedLength(longestOf(step.map(tokensOf)), context);
      const tokens = drawn.map(tokensOf);
      const scope = new DisposableStack();
      return {
        tokens: scope.use(paddedRows(device, tokens, { length, fill: 0 })),
        tokenTypes: scope.use(paddedRows(device, drawn.map(typesOf), { length, fill: 0 })),
        mask: scope.use(paddingMask(device, tokens, { length })),
        labels: scope.use(labelTensor(device, labels, drawn)),
        [Symbol.dispose]: () => scope.dispose(),
      };
    },
  };
}
