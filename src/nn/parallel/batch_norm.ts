// Batch normalization (Ioffe & Szegedy 2015) of x [B, C, ...], per channel:
//
//   training     y = (x - mean) / sqrt(var + eps) weight + bias      mean and variance of the whole batch, over the ranks of a group
//   evaluation   the same with the running mean and variance         running <- (1 - momentum) running + momentum batch's
//
// The running variance is of N - 1 degrees of freedom, as PyTorch's. Within `training()` it is one or the other.

import { checkOptions } from "../../tensor/option_names.ts";
import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { add, sub } from "../../ops/add.ts";
import { rsqrt } from "../../ops/elementary.ts";
import { mul } from "../../ops/mul.ts";
import { reshape } from "../../ops/reshape.ts";
import { scale } from "../../ops/scale.ts";
import { sum } from "../../ops/sum.ts";
import { Parameter } from "../../tensor/parameter.ts";
import { noGrad } from "../../tensor/scope.ts";
import { formatShape } from "../../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { trainingPass } from "../../tensor/training_scope.ts";
import { Module } from "../module.ts";
import { constantParameter, type NormSize } from "../norm_parameters.ts";
import { copyToGroup, reduceFromGroup } from "./group_exchanges.ts";

/**
 * Options of {@linkcode BatchNorm}; `features` are the channels C.
 *
 * @category Layers
 */
export interface BatchNormOptions extends NormSize {
  /** Added to the variance. Default: 1e-5. */
  readonly eps?: number;
  /** How much of the running values a batch replaces. Default: 0.1. */
  readonly momentum?: number;
  /**
   * The ranks that have parts of the batch: with it, the mean and variance are those of the whole batch, and training is the same on
   * any mesh. Default: this rank's rows are the batch.
   */
  readonly processGroup?: ProcessGroup;
}

/**
 * Centres and scales every channel: within `training()` by the mean and variance of the batch, elsewhere by running ones.
 *
 * @example
 * ```ts
 * import { BatchNorm, requestDevice, Tensor, training } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new BatchNorm(device, { features: 2 });
 * using x = Tensor.from(device, [1, 2, 3, 6], { shape: [2, 2] });
 * using y = await training({ seed: 1, step: 0 }, () => layer.forward(x));
 * console.log(await y.data()); // near -1, -1, 1, 1
 * ```
 *
 * @category Layers
 */
export class BatchNorm extends Module<FloatTensor> {
  /** [C] */
  readonly weight: Parameter;
  /** [C] */
  readonly bias: Parameter;
  /** A buffer [C]. */
  readonly runningMean: Parameter;
  /** A buffer [C]. */
  readonly runningVariance: Parameter;
  /** Added to the variance. */
  readonly eps: number;
  /** How much of the running values a batch replaces. */
  readonly momentum: number;
  readonly #processGroup: ProcessGroup | undefined;

  /** Makes a new layer. @throws {RangeError} if the number of features is no positive integer, or momentum is not from 0 to 1 */
  constructor(device: Device, options: BatchNormOptions) {
    super();
    checkOptions("BatchNorm", options, [
      "features",
      "eps",
      "momentum",
      "processGroup",
      "dtype",
      "gradientDtype",
    ]);
    const { eps = 1e-5, momentum = 0.1, features, processGroup } = options;
    if (!(momentum >= 0 && momentum <= 1)) {
      throw new RangeError(`BatchNorm wants a momentum from 0 to 1, got ${momentum}`);
    }
    const running = (value: number) =>
      new Parameter(device, new Float32Array(features).fill(value), {
        shape: [features],
        isBuffer: true,
      });
    this.weight = constantParameter(device, 1, options);
    this.bias = constantParameter(device, 0, options);
    this.runningMean = running(0);
    this.runningVariance = running(1);
    this.eps = eps;
    this.momentum = momentum;
    this.#processGroup = processGroup;
  }

  /**
   * x [B, C, ...] -> the same shape.
   *
   * @throws {RangeError} if the second dim of `x` is not C, or a batch of training has fewer than 2 elements of a channel
   */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const { weight, bias, eps } = this;
    if (x.shape.length < 2 || x.shape[1] !== weight.length) {
      throw new RangeError(
        `BatchNorm wants x of [B, ${weight.length}, ...], got ${formatShape(x.shape)}`,
      );
    }
    const alongChannels = x.shape.map((_, dim) => dim === 1 ? weight.length : 1);
    const perChannel = (parameter: FloatTensor) => reshape(parameter, alongChannels);
    const pass = trainingPass();
    const { centred, variance } = pass === undefined
      ? {
        centred: sub(x, perChannel(this.runningMean)),
        variance: perChannel(this.runningVariance),
      }
      : await this.#ofBatch(x, pass);
    const normed = mul(centred, rsqrt(add(variance, eps)));
    return add(mul(normed, perChannel(weight)), perChannel(bias));
  }

  /** x less its mean, and the variance [1, C, ...], of the whole batch. */
  async #ofBatch(x: FloatTensor, { isRepeated }: { readonly isRepeated: boolean }) {
    const features = this.weight.length;
    const counts = Float64Array.of(x.length / features);
    await this.#processGroup?.allReduce(counts, { label: "elements of a batch" });
    const [count] = counts;
    if (count < 2) {
      throw new RangeError(
        `BatchNorm wants at least 2 elements of a channel in training, got ${count}`,
      );
    }
    const mean = scale(await this.#total(x, "means of a batch"), 1 / count);
    const centred = sub(x, mean);
    const squares = await this.#total(mul(centred, centred), "variances of a batch");
    const variance = scale(squares, 1 / count);
    // Backward computes some parts again, and the batch counts once.
    if (!isRepeated) {
      this.#follow(this.runningMean, mean, 1);
      this.#follow(this.runningVariance, variance, count / (count - 1));
    }
    return { centred, variance };
  }

  /** Sums [1, C, ...] over the batch of all ranks; so is the gradient, as all ranks' losses depend on them. */
  async #total(x: FloatTensor, label: string): Promise<Tensor> {
    const own = sum(x, {
      dim: [...x.shape.keys()].filter((dim) => dim !== 1),
      keepDims: true,
    });
    const group = this.#processGroup;
    if (group === undefined) return own;
    return copyToGroup(await reduceFromGroup(own, { group, label }), { group, label });
  }

  /** running <- (1 - momentum) running + momentum factor of */
  #follow(running: Parameter, of: Tensor, factor: number): void {
    const { momentum } = this;
    using next = noGrad(() =>
      add(scale(running, 1 - momentum), scale(reshape(of, running.shape), momentum * factor))
    );
    running.device.copy(next.buffer, 0, running.buffer, 0, running.buffer.byteLength);
  }
}
