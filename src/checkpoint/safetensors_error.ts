// The error of all files of a checkpoint.

/**
 * A file is damaged, or contradicts its index or config.
 *
 * @category Checkpoints
 */
export class SafetensorsError extends Error {
  /** "SafetensorsError" */
  override readonly name = "SafetensorsError";
}
