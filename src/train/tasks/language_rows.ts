// Predicting tokens of texts that are examples each: a row of a batch has one, padded at its end.
//
//   tokens  [B, T]   row[t]             target of t   row[t + 1], where that is one
//
// A decoder's tokens do not see what follows them, so padding needs no mask.

import type { Decoder } from "../../models/decoder.ts";
import { IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { balancedLoss, requireBalanceable } from "../balanced_loss.ts";
import type { LossOptions } from "../distributed_model.ts";
import type { ModelSplit } from "../model_split.ts";
import type { BoundTask, DrawnExample, Examples, Task } from "../task.ts";
import { ExpertLoad } from "./metrics/expert_load.ts";
import { perplexityOf } from "./metrics/token_metrics.ts";
import { longestOf, paddedLength, paddedRows, paddingMask } from "./padding.ts";
import { type TargetPlaces, targetPlaces } from "./target_places.ts";
import type { TargetTokens } from "./target_tokens.ts";
import type { TokenRows } from "./token_rows.ts";

/** Tokens on a device. Disposing it releases all tensors. */
export interface TargetBatch extends Disposable {
  /** [B, T] */
  readonly tokens: Tensor<"u32">;
  /** [B, T], 0 for padding: for the loss of balance of experts. */
  readonly mask: Tensor<"u32">;
  /** The tokens after some of them. */
  readonly targets: TargetPlaces;
}

/** Examples of a task, and the tokens that a model supports. */
export interface RowsOfTask {
  readonly train: TokenRows;
  readonly heldOut: TokenRows;
  /** At least the length of every row. */
  readonly context: number;
}

/** A row for {@linkcode languageRows}; undefined if it has no target, which the first token cannot be. */
export function targetRow({ tokens, isTarget }: TargetTokens): Uint32Array | undefined {
  if (!isTarget.some((is, at) => is && at > 0)) return undefined;
  return Uint32Array.from(tokens, (token, at) => isTarget[at] ? (token | TARGET) >>> 0 : token);
}

/** Marks a target in a row; no token is as large. */
const TARGET = 2 ** 31;

/** Makes the task of predicting the targets of rows. */
export function languageRows(
  { train, heldOut, context }: RowsOfTask,
): Task<Decoder, TargetBatch> {
  return {
    name: "causal-lm",
    facts: { context: String(context), examples: "rows" },
    hasVocabularyLogits: true,
    train: examples(train, context),
    heldOut: examples(heldOut, context),
    bind,
  };
}

function examples(rows: TokenRows, context: number): Examples<TargetBatch> {
  const countTargets = ({ index }: DrawnExample) =>
    rows.row(index).subarray(1).reduce((count, value) => count + (value >= TARGET ? 1 : 0), 0);
  return {
    length: rows.length,
    numTargets: countTargets,
    numTokens: ({ index }) => rows.row(index).length,
    digest: async () => `sha256:${await rows.digest()}`,
    batch: (device, drawn, step = drawn) => {
      // The last token predicts nothing.
      const inputOf = ({ index }: DrawnExample) => rows.row(index).subarray(0, -1);
      const length = paddedLength(longestOf(step.map(inputOf)), context);
      const targetsOf = ({ index }: DrawnExample) =>
        rows.row(index).subarray(1).map((value) => value >= TARGET ? value - TARGET : IGNORE_INDEX);
      const tokensOf = (example: DrawnExample) => inputOf(example).map((value) => value % TARGET);
      const scope = new DisposableStack();
      return {
        tokens: scope.use(paddedRows(device, drawn.map(tokensOf), { length, fill: 0 })),
        mask: scope.use(paddingMask(device, drawn.map(inputOf), { length })),
        targets: scope.use(targetPlaces(device, drawn.map(targetsOf), { length })),
        [Symbol.dispose]: () => scope.dispose(),
      };
    },
  };
}

function bind(model: Decoder, split: ModelSplit): BoundTask<TargetBatch> {
  requireBalanceable(model);
  const load = new ExpertLoad(model);
  const numClasses = model.description.tokens.count;
  const loss = async ({ tokens, targets }: TargetBatch, options: LossOptions = {}) => {
    const logits = await model.forward({ tokens, ...options, logitsAt: targets.at });
    const ignored = IGNORE_INDEX;
    const loss = await split.vocabularyLoss(logits, targets.classes, { numClasses, ignored });
    // The largest tensor of all; its gradient is known already.
    logits.discard();
    return loss;
  };
  return {
    loss: (batch, dropout) =>
      balancedLoss(
        { model, split, mask: batch.mask },
        (routing) => loss(batch, { dropout, routing }),
      ),
    score: async (batch) => {
      const routing = load.record();
      using mean = await loss(batch, { routing });
      const { numTargets } = batch.targets;
      return Float64Array.of(
        numTargets * await mean.item(),
        numTargets,
        ...load.sumsOf(routing),
      );
    },
    metrics: ([total, numTargets, ...counts]) => ({
      perplexity: perplexityOf(total, numTargets),
      ...load.metrics(counts),
    }),
  };
}
