// The tokens of a batch that predict something: only their logits are computed, which are most of the memory of a small batch.
//
//   at      [n]   indices among all tokens [B T], padded to few lengths with 0
//   classes [n]   what is to be predicted there, IGNORE_INDEX in padding

import type { Device } from "../../device/device.ts";
import { IGNORE_INDEX } from "../../ops/cross_entropy.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { ModelSplit } from "../model_split.ts";
import { countRightTokens } from "./metrics/token_metrics.ts";
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

/**
 * How many targets have the largest of their logits [n, V], or of this rank's part of them. All ranks that share the model call it
 * together.
 */
export async function countRightTargets(
  logits: Tensor,
  { classes }: TargetPlaces,
  { split, numClasses }: { readonly split: ModelSplit; readonly numClasses: number },
): Promise<number> {
  using whole = await split.wholeLogits(logits, numClasses);
  return countRightTokens(await whole.data(), classes.indices!, numClasses);
}
