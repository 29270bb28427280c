// A linear layer whose input features are spread over the ranks of a group: rank r holds columns I_r of W.
//
//   x_r [..., I_r]   this rank's columns of x          W_r [O, I_r]        b [O] whole on every rank
//   forward    y = sum_r x_r W_r^T + b                 one all-reduce; b is added after it, once
//   gradient   dx_r = dy W_r    dW_r = dy^T x_r    db = sum over rows of dy: equal on every rank, no exchange
//
// It takes what Linear1DCol gives. With `parallelInput: false` it takes the whole x, equal on every rank, and cuts x_r out
// itself: dx is then gathered.                                                              (Shoeybi et al. 2019, section 3)

import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { Layout } from "../../distributed/layout.ts";
import { addBias } from "../../ops/add_bias.ts";
import { asF32 } from "../../ops/cast.ts";
import { linear } from "../../ops/linear.ts";
import { matmul } from "../../ops/matmul.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { formatShape } from "../../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { reduceFromGroup, splitToGroup } from "./group_exchanges.ts";
import type { Linear } from "../linear.ts";
import {
  initialParameters,
  type LinearLayouts,
  type LinearOptions,
  type LinearParameters,
  takeShards,
} from "../linear_parameters.ts";
import { Module } from "../module.ts";
import type { WeightStorage } from "./overlapped_linear.ts";
import { TransposedLinear } from "../transposed_linear.ts";

/** How a {@linkcode Linear1DRow} works. */
export interface Linear1DRowOptions {
  /** Ranks that share the layer. */
  readonly processGroup: ProcessGroup;
  /** The input is this rank's columns already, as Linear1DCol gives them. Default: true. */
  readonly parallelInput?: boolean;
  /** So many input features stay together, as those of an attention head. Default: 1. */
  readonly unit?: number;
}

/** A linear layer with its input features split over ranks. */
export class Linear1DRow extends Module<FloatTensor> {
  /** W_r [O, I_r], or as it was stored in the whole layer: split over the group. */
  readonly weight: Parameter;
  /** b [O], whole. */
  readonly bias: Parameter | undefined;
  readonly #group: ProcessGroup;
  readonly #isInputParallel: boolean;
  readonly #unit: number | undefined;
  readonly #storage: WeightStorage;

  private constructor(
    { weight, bias }: LinearParameters,
    { processGroup, parallelInput = true, unit, storage }: Linear1DRowOptions & {
      readonly storage: WeightStorage;
    },
  ) {
    super();
    this.weight = weight;
    this.bias = bias;
    this.#group = processGroup;
    this.#isInputParallel = parallelInput;
    this.#unit = unit;
    this.#storage = storage;
  }

  /** Takes this rank's part of a whole layer over; `layer` is released and must not be used after. */
  static fromNativeModule(
    layer: Linear | TransposedLinear,
    options: Linear1DRowOptions,
  ): Linear1DRow {
    const storage = layer instanceof TransposedLinear ? "inOut" : "outIn";
    return new Linear1DRow(takeShards(layer, layoutsOf(options, storage)), { ...options, storage });
  }

  /** A new layer: the same values as a whole one from the same stream, but only this rank's part is ever made. */
  static create(device: Device, options: LinearOptions & Linear1DRowOptions): Linear1DRow {
    const storage = "outIn";
    const parameters = initialParameters(device, options, layoutsOf(options, storage));
    return new Linear1DRow(parameters, { ...options, storage });
  }

  /** x [..., I_r], or [..., I] without `parallelInput`, -> [..., O], equal on every rank. */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const ownInput = this.#isInputParallel ? x : this.#ownPart(x);
    const partial = this.#storage === "outIn"
      ? linear(ownInput, this.weight)
      : matmul(ownInput, this.weight);
    const y = await reduceFromGroup(partial, this.#group);
    return this.bias === undefined ? y : addBias(y, this.bias);
  }

  /** Checked whole, so that all ranks refuse a wrong input alike and none waits for the others. */
  #ownPart(x: FloatTensor): Tensor {
    const inFeatures = this.weight.layout.globalShape[this.#storage === "outIn" ? 1 : 0];
    if (x.shape.at(-1) !== inFeatures) {
      throw new RangeError(
        `Linear1DRow wants an input of ${inFeatures} features in its last dim, got ${
          formatShape(x.shape)
        }`,
      );
    }
    return splitToGroup(asF32(x), { group: this.#group, unit: this.#unit });
  }
}

function layoutsOf(
  { processGroup: group, unit }: Linear1DRowOptions,
  storage: WeightStorage,
): LinearLayouts {
  const dim = storage === "outIn" ? 1 : 0;
  return { weight: (shape) => new Layout(shape, [{ dim, group, unit }]) };
}
