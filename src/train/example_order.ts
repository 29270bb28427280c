// The order of examples in a training: an endless sequence of passes over all examples, each in an order of its own, which depends on the
// seed and the number of the pass alone.
//
//   a step takes the next A B examples of the sequence, each micro-batch B of them; a rank takes a contiguous part of these
//
// So a step has the same examples whatever the mesh, and however they are divided into micro-batches; and a training that goes on from a
// checkpoint needs only the number of examples taken before.

import { Permutation } from "./data/permutation.ts";
import type { DrawnExample } from "./task.ts";

/** The order of a training. */
export interface ExampleOrder {
  /** Number of examples of a pass. */
  readonly length: number;
  readonly seed: number;
  /** A, the number of micro-batches of a step. */
  readonly accumulate: number;
  /** B, the number of examples of a micro-batch. */
  readonly batch: number;
}

/** The examples of each micro-batch of a step, from position `begin` of the sequence on. */
export function microBatchesFrom(
  { length, seed, accumulate, batch }: ExampleOrder,
  begin: number,
): DrawnExample[][] {
  return Array.from(
    { length: accumulate },
    (_, micro) =>
      Array.from({ length: batch }, (_, k) => {
        const position = begin + micro * batch + k;
        const epoch = Math.floor(position / length);
        const index = new Permutation(length, { seed, epoch }).at(position % length);
        return { epoch, index };
      }),
  );
}

/** Number of steps in which `epochs` passes are taken; the last one begins another pass if they do not divide evenly. */
export function stepsOfEpochs(
  { length, accumulate, batch }: Omit<ExampleOrder, "seed">,
  epochs: number,
): number {
  return Math.ceil(epochs * length / (accumulate * batch));
}
