// The saved form of Adafactor's and CAME's state.

/**
 * State of one whole parameter, seen as `batch` matrices of `rows` x `cols`: numbers and typed arrays only.
 *
 * @category Optimizers
 */
export interface ParameterState {
  /** Steps taken. */
  step: number;
  /** Matrices. */
  batch: number;
  /** Rows of each; 1 where the second moment is not factored. */
  rows: number;
  /** Columns of each. */
  cols: number;
  /** The loss scale, where that is dynamic: the same for all parameters. */
  lossScale?: number;
  /** Good steps since it changed. */
  lossScaleGoodSteps?: number;
  /** Running average of squared gradients over columns, [batch, rows]. */
  rowMeans: Float32Array;
  /** The same over rows, [batch, cols]: the full second moment where it is not factored. */
  colMeans: Float32Array;
  /** The same over both, [batch]. */
  means: Float32Array;
  /** Running average of updates, [batch, rows, cols], where there is one. */
  momentum?: Float32Array;
  /** CAME's running average of squared differences of updates and momentum over columns, [batch, rows], where factored. */
  confidenceRowMeans?: Float32Array;
  /** The same over rows, [batch, cols]. */
  confidenceColMeans?: Float32Array;
  /** The same over both, [batch]. */
  confidenceMeans?: Float32Array;
  /** The parameter in f32, [batch, rows, cols], where it is stored in 16 bits and there are master weights. */
  master?: Float32Array;
}

/**
 * State of an optimizer by parameter name: whole parameters, whatever mesh they are spread over.
 *
 * @category Optimizers
 */
export type OptimizerState = Record<string, ParameterState>;
