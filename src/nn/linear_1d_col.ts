// A linear layer whose output features are spread over the ranks of a group: rank r holds rows O_r of W and of b.
//
//   x [..., I]   equal on every rank          W_r [O_r, I]          b_r [O_r]
//   forward    y_r = x W_r^T + b_r            no exchange; with gatherOutput, all columns y [..., O] are gathered
//   gradient   dx = sum_r dy_r W_r            one all-reduce; dW_r = dy_r^T x and db_r need none
//
// With `overlap`, dW and db are computed while dx is on the wire.                           (Shoeybi et al. 2019, section 3)

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../dist/group.ts";
import { asF32 } from "../ops/cast.ts";
import { linear } from "../ops/linear.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { copyToGroup, gatherFromGroup } from "./group_exchanges.ts";
import type { Linear } from "./linear.ts";
import {
  initialParameters,
  type LinearOptions,
  type LinearParameters,
  type LinearSplits,
  takeShards,
} from "./linear_parameters.ts";
import { Module } from "./module.ts";
import { overlappedLinear } from "./overlapped_linear.ts";

/** How a {@linkcode Linear1DCol} works. */
export interface Linear1DColOptions {
  /** Ranks that share the layer. */
  readonly processGroup: ProcessGroup;
  /** Give every rank all output features, not only its own. Default: false. */
  readonly gatherOutput?: boolean;
  /** Compute dW while the all-reduce of dx runs. Default: true. */
  readonly overlap?: boolean;
}

/** A linear layer with its output features split over ranks. */
export class Linear1DCol extends Module<FloatTensor> {
  /** W_r [O_r, I]: dim 0 split over the group. */
  readonly weight: Parameter;
  /** b_r [O_r]: split over the group. */
  readonly bias: Parameter | undefined;
  readonly #options: Linear1DColOptions;

  private constructor({ weight, bias }: LinearParameters, options: Linear1DColOptions) {
    super();
    this.weight = weight;
    this.bias = bias;
    this.#options = options;
  }

  /** Takes this rank's part of a whole layer over; `layer` is released and must not be used after. */
  static fromNativeModule(layer: Linear, options: Linear1DColOptions): Linear1DCol {
    return new Linear1DCol(takeShards(layer, splits(options)), options);
  }

  /** A new layer: the same values as a whole one from the same stream, but only this rank's part is ever made. */
  static create(device: Device, options: LinearOptions & Linear1DColOptions): Linear1DCol {
    return new Linear1DCol(initialParameters(device, options, splits(options)), options);
  }

  /** x [..., I], equal on every rank, -> [..., O_r], or [..., O] with `gatherOutput`. */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const { processGroup: group, gatherOutput = false, overlap = true } = this.#options;
    const y = overlap
      ? overlappedLinear({ x, weight: this.weight, bias: this.bias }, group)
      : linear(copyToGroup(asF32(x), group), this.weight, this.bias);
    if (!gatherOutput) return y;
    return await gatherFromGroup(y, { group, numCols: this.weight.layout.globalShape[0] });
  }
}

function splits({ processGroup: group }: Linear1DColOptions): LinearSplits {
  return { weight: { dim: 0, group }, bias: { dim: 0, group } };
}
