// The tokens of a batch that predict something: only their logits are computed, which are most of the memory of a small batch.
//
//   at      [n]   indices among all tokens [B T], padded to few lengths with 0
//   classes [n]   what is to be predicted there, IGNORE_INDEX in padding

import type { Device } from "../../device/device.ts";
import { IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import type { DropoutMasks } from "../../nn/dropout.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { ModelSplit } from "../model_split.ts";
import type { BoundTask } from "../task.ts";
import { countRightTokens, perplexityOf } from "./metrics/token_metrics.ts";
import { paddedLength } from "./padding.ts";

/** Targets on a device. Disposing them releases the tensor. */
export interface TargetPlaces extends Disposable {
  /** n indices. */
  readonly at: Uint32Array;
  /** [n] */
  readonly classes: Tensor<"u32">;
  readonly numTargets: number;
}

/** The targets of rows that are padded to `length`; all but `IGNORE_INDEX` are targets. */
export function targetPlaces(
  device: Device,
  rows: readonly ArrayLike<number>[],
  { length }: { readonly length: number },
): TargetPlaces {
  const places: number[] = [];
  const found: number[] = [];
  for (const [row, targets] of rows.entries()) {
    for (let k = 0; k < targets.length; k++) {
      if (targets[k] === IGNORE_INDEX) continue;
      places.push(row * length + k);
      found.push(targets[k]);
    }
  }
  const count = paddedLength(places.length, rows.length * length);
  const at = new Uint32Array(count);
  at.set(places);
  const values = new Uint32Array(count).fill(IGNORE_INDEX);
  values.set(found);
  const classes = Tensor.from(device, values, { shape: [count] });
  return {
    at,
    classes,
    numTargets: places.length,
    [Symbol.dispose]: () => classes[Symbol.dispose](),
  };
}

/** A batch with targets among its tokens. */
export interface BatchOfTargets extends Disposable {
  readonly targets: TargetPlaces;
}

/** Loss, perplexity and accuracy of the targets' logits [n, V], or this rank's part of them, that `forward` computes. */
export function boundTargets<Batch extends BatchOfTargets>(
  forward: (batch: Batch, dropout: DropoutMasks | undefined) => Promise<Tensor>,
  { split, numClasses }: { readonly split: ModelSplit; readonly numClasses: number },
): BoundTask<Batch> {
  const vocabulary = { numClasses, ignored: IGNORE_INDEX };
  return {
    loss: async (batch, dropout) => {
      const logits = await forward(batch, dropout);
      const loss = await split.vocabularyLoss(logits, batch.targets.classes, vocabulary);
      // The largest tensor of all; its gradient is known already.
      logits.discard();
      return loss;
    },
    score: async (batch) => {
      const { classes, numTargets } = batch.targets;
      using logits = await forward(batch, undefined);
      using mean = await split.vocabularyLoss(logits, classes, vocabulary);
      const total = numTargets * await mean.item();
      using whole = await split.wholeLogits(logits, numClasses);
      const right = countRightTokens(await whole.data(), classes.indices!, numClasses);
      return Float64Array.of(total, numTargets, right);
    },
    metrics: ([total, numTargets, right]) => ({
      perplexity: perplexityOf(total, numTargets),
      accuracy: right / numTargets,
    }),
  };
}
