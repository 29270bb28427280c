// The saved form of AdamW's state.

/**
 * AdamW's state of one whole parameter: numbers and typed arrays only.
 *
 * @category Optimizers
 */
export interface AdamWParameterState {
  /** Steps taken. */
  step: number;
  /** Elements of the parameter. */
  length: number;
  /** The loss scale, where that is dynamic: the same for all parameters. */
  lossScale?: number;
  /** Good steps since it changed. */
  lossScaleGoodSteps?: number;
  /** Running average of gradients, torch's `exp_avg` (with `maximize` of the gradients themselves, not their negatives). */
  firstMoment: Float32Array;
  /** Running average of their squares, torch's `exp_avg_sq`. */
  secondMoment: Float32Array;
  /** The parameter in f32, where it is stored in 16 bits and there are master weights. */
  master?: Float32Array;
}

/**
 * AdamW's state by parameter name: whole parameters, whatever mesh they are spread over.
 *
 * @category Optimizers
 */
export type AdamWState = Record<string, AdamWParameterState>;
