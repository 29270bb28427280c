// What is reported where rounding loses updates (optim/step/update_watch.ts finds out).

import type { FloatType } from "../../tensor/dtype.ts";

/**
 * What rounding has lost of a step.
 *
 * @category Optimizers
 */
export interface LostUpdates {
  /** Which step it was: 1, 2, ... */
  readonly step: number;
  /** The parameter's name. */
  readonly parameter: string;
  /** How it is stored. */
  readonly dtype: FloatType;
  /** Share of its elements that stayed where they were, among those sampled that have a gradient. */
  readonly share: number;
}

/** Says what was lost, and what to do. */
export function describeLostUpdates({ step, parameter, dtype, share }: LostUpdates): string {
  return `Step ${step} left ${
    (100 * share).toFixed(1)
  } % of ${parameter} as it was, since its updates are lost by rounding to ` +
    `${dtype}: use master weights, stochastic rounding, or weights in f32`;
}
