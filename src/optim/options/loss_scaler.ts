// Loss scaling, which keeps small gradients representable in f16: backward computes gradients of s loss, and the step divides
// by s at no cost (optim/step/step.ts). Dynamic, s is as large as gradients allow:
//
//   a gradient is not finite   s <- s backoffFactor, and the step is skipped
//   growthInterval good steps  s <- s growthFactor
//
// Names and defaults are those of torch.amp.GradScaler. All ranks agree on whether gradients are finite, so all have the same
// scale.

/**
 * Options of dynamic loss scaling; every one has the default of `torch.amp.GradScaler`.
 *
 * @category Optimizers
 */
export interface LossScaleOptions {
  /** The first scale. Default 65536. */
  readonly initialScale?: number;
  /** The factor of the scale after enough good steps. Default 2. */
  readonly growthFactor?: number;
  /** Its factor after a step whose gradients were not finite. Default 0.5. */
  readonly backoffFactor?: number;
  /** Good steps in a row before it grows. Default 2000. */
  readonly growthInterval?: number;
}

/** The saved form of a dynamic loss scale. */
export interface LossScaleState {
  readonly scale: number;
  /** Good steps since it changed. */
  readonly goodSteps: number;
}

/** A dynamic loss scale. */
export class LossScaler {
  readonly #options: Required<LossScaleOptions>;
  #scale: number;
  #goodSteps = 0;

  /** @throws {RangeError} if a number is outside its range */
  constructor(
    { initialScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000 }:
      LossScaleOptions = {},
  ) {
    const rules: readonly (readonly [string, number, boolean])[] = [
      ["initialScale", initialScale, initialScale > 0 && initialScale < Infinity],
      ["growthFactor", growthFactor, growthFactor > 1 && growthFactor < Infinity],
      ["backoffFactor", backoffFactor, backoffFactor > 0 && backoffFactor < 1],
      ["growthInterval", growthInterval, Number.isInteger(growthInterval) && growthInterval >= 1],
    ];
    for (const [name, value, isIn] of rules) {
      if (!isIn) {
        throw new RangeError(`lossScale: ${name} is outside its range: current value is ${value}`);
      }
    }
    this.#options = { initialScale, growthFactor, backoffFactor, growthInterval };
    this.#scale = initialScale;
  }

  /** The factor of the loss. */
  get scale(): number {
    return this.#scale;
  }

  /** Records a step that was taken. */
  grow(): void {
    this.#goodSteps += 1;
    if (this.#goodSteps < this.#options.growthInterval) return;
    // Beyond f32's range no gradient would be finite.
    this.#scale = Math.min(this.#scale * this.#options.growthFactor, 2 ** 126);
    this.#goodSteps = 0;
  }

  /** Records a step that was skipped. */
  backOff(): void {
    this.#scale = Math.max(this.#scale * this.#options.backoffFactor, 2 ** -126);
    this.#goodSteps = 0;
  }

  /** The state to save and restore. */
  get state(): LossScaleState {
    return { scale: this.#scale, goodSteps: this.#goodSteps };
  }

  set state({ scale, goodSteps }: LossScaleState) {
    this.#scale = scale;
    this.#goodSteps = goodSteps;
  }
}
