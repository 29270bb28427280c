// Predicting one text from another: a T5 reads the input and writes the target, each of whose tokens is predicted from those before.
//
//   row   [number of tokens of the input, ...input, ...target]

import type { T5 } from "../../models/t5.ts";
import { IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DrawnExample, Examples, Task } from "../task.ts";
import type { RowsOfTask } from "./language_rows.ts";
import { longestOf, paddedLength, paddedRows, paddingMask } from "./padding.ts";
import {
  type BatchOfTargets,
  boundTargets,
  type TargetPlaces,
  targetPlaces,
} from "./target_places.ts";
import type { TokenRows } from "./token_rows.ts";

/** Pairs of texts on a device. Disposing it releases all tensors. */
export interface TextPairBatch extends BatchOfTargets {
  /** [B, S]: the input. */
  readonly tokens: Tensor<"u32">;
  /** [B, S]: 1 for tokens, 0 for padding. */
  readonly mask: Tensor<"u32">;
  /** [B, T]: the target, or `IGNORE_INDEX`. */
  readonly labels: Tensor<"u32">;
  /** Their tokens. */
  readonly targets: TargetPlaces;
}

/** A row for {@linkcode sequenceToSequence}. */
export function textPairRow(input: readonly number[], target: readonly number[]): Uint32Array {
  return Uint32Array.of(input.length, ...input, ...target);
}

/** Makes the task of predicting targets from inputs, each of at most `context` tokens and at least one. */
export function sequenceToSequence(
  { train, heldOut, context, vocabularySize }: RowsOfTask & { readonly vocabularySize: number },
): Task<T5, TextPairBatch> {
  return {
    name: "seq2seq",
    facts: { context: String(context) },
    hasVocabularyLogits: true,
    train: examples(train, context),
    heldOut: examples(heldOut, context),
    bind: (model, split) =>
      boundTargets(
        ({ tokens, mask, labels, targets: { at: logitsAt } }, dropout) => {
          const targets = model.targetsFor(labels);
          return model.forward({ tokens, mask, targets, dropout, logitsAt });
        },
        { split, numClasses: vocabularySize },
      ),
  };
}

function examples(rows: TokenRows, context: number): Examples<TextPairBatch> {
  const inputOf = ({ index }: DrawnExample) => {
    const row = rows.row(index);
    return row.subarray(1, 1 + row[0]);
  };
  const targetOf = ({ index }: DrawnExample) => {
    const row = rows.row(index);
    return row.subarray(1 + row[0]);
  };
  return {
    length: rows.length,
    numTargets: (example) => targetOf(example).length,
    numTokens: ({ index }) => rows.row(index).length - 1,
    digest: async () => `sha256:${await rows.digest()}`,
    batch: (device, drawn, step = drawn) => {
      const [inputs, targets] = [drawn.map(inputOf), drawn.map(targetOf)];
      const lengthOf = (of: (example: DrawnExample) => Uint32Array) => ({
        length: paddedLength(longestOf(step.map(of)), context),
      });
      const [source, target] = [lengthOf(inputOf), lengthOf(targetOf)];
      const scope = new DisposableStack();
      return {
        tokens: scope.use(paddedRows(device, inputs, { ...source, fill: 0 })),
        mask: scope.use(paddingMask(device, inputs, source)),
        labels: scope.use(paddedRows(device, targets, { ...target, fill: IGNORE_INDEX })),
        targets: scope.use(targetPlaces(device, targets, target)),
        [Symbol.dispose]: () => scope.dispose(),
      };
    },
  };
}
