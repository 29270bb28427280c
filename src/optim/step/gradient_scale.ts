// What every gradient is multiplied by before anything else sees it, with n accumulated micro-batches:
//
//   s = min(1, maxNorm / |g / n|) / n            |g|^2 = sum over all parameters of sum g^2        (Pascanu et al. 2013)
//
// Nothing is read or sent for it: sum g^2 per parameter falls out of the first pass and rides along in the first exchange,
// and s goes into the running averages and the factors (kernel adafactor_averages) instead of into the gradients. A
// parameter's sum adds up only over the groups that cut it, so that one that is whole on many ranks counts once; the
// kernel adafactor_scale_gradients adds up parameters in the plan's order, which is the same on every mesh.

/** How gradients are scaled. */
export interface GradientScaling {
  /** Gradients are divided by it. */
  readonly divisor: number;
  /** The norm of all gradients together is brought down to it; undefined for never. */
  readonly maxNorm: number | undefined;
}
