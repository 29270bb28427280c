// A linear layer whose input features are split over the ranks of a group: rank r holds columns I_r of W.
//
//   x_r [..., I_r]   this rank's columns of x          W_r [O, I_r]        b [O] whole on every rank
//   forward    y = sum_r x_r W_r^T + b                 one all-reduce; b is added after it, once
//   gradient   dx_r = dy W_r    dW_r = dy^T x_r    db = sum over rows of dy: equal on every rank, no communication
//
// Its input is the output of Linear1DCol. With `parallelInput: false` it takes the whole x, equal on every rank, and slices x_r itself:
// dx is then gathered.                                                                      (Shoeybi et al. 2019, section 3)

import { checkOptions } from "../../tensor/option_names.ts";
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
  LINEAR_OPTIONS,
  type LinearLayouts,
  type LinearOptions,
  type LinearParameters,
  takeShards,
} from "../linear_parameters.ts";
import { Module } from "../module.ts";
import { requireGroup, requireWeights } from "../parameter_checks.ts";
import type { WeightStorage } from "./overlapped_linear.ts";
import { TransposedLinear } from "../transposed_linear.ts";

/**
 * Options of {@linkcode Linear1DRow}.
 *
 * @category Layers
 */
export interface Linear1DRowOptions {
  /** Ranks that share the layer. */
  readonly processGroup: ProcessGroup;
  /** Whether the input is this rank's columns already, as Linear1DCol returns them. Default: true. */
  readonly parallelInput?: boolean;
  /** This many input features stay together, as those of an attention head. Default: 1. */
  readonly unit?: number;
}

/**
 * A linear layer with its input features split over ranks (row parallel).
 *
 * @example
 * ```ts
 * import {
 *   launch,
 *   Linear,
 *   Linear1DRow,
 *   RandomSource,
 *   requestDevice,
 *   Tensor,
 * } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const processGroup = world.group; // of several ranks in a real job
 * using whole = new Linear(device, { inFeatures: 4, outFeatures: 2, random: new RandomSource(1) });
 * using layer = Linear1DRow.fromNativeModule(whole, { processGroup, parallelInput: false });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * using y = await layer.forward(x); // summed over ranks
 * ```
 *
 * @category Layers
 */
export class Linear1DRow extends Module<FloatTensor> {
  /** W_r [O, I_r], or transposed as in the whole layer. Split over the group. */
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

  /** Takes this rank's part of a whole layer; `layer` is released and must not be used after. */
  static fromNativeModule(
    layer: Linear | TransposedLinear,
    options: Linear1DRowOptions,
  ): Linear1DRow {
    checkOptions("Linear1DRow.fromNativeModule()", options, ROW_OPTIONS);
    requireWeights("Linear1DRow.fromNativeModule()", layer);
    requireGroup("Linear1DRow.fromNativeModule()", options.processGroup);
    const storage = layer instanceof TransposedLinear ? "inOut" : "outIn";
    return new Linear1DRow(takeShards(layer, layoutsOf(options, storage)), { ...options, storage });
  }

  /** A new layer with the values of a whole one from the same stream, of which only this rank's part is made. */
  static create(device: Device, options: LinearOptions & Linear1DRowOptions): Linear1DRow {
    checkOptions("Linear1DRow.create()", options, [...LINEAR_OPTIONS, ...ROW_OPTIONS]);
    requireGroup("Linear1DRow.create()", options.processGroup);
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
    const label = `y of ${this.weight.name}`;
    const y = await reduceFromGroup(partial, { group: this.#group, label });
    return this.bias === undefined ? y : addBias(y, this.bias);
  }

  /** Checks the whole input, so that all ranks refuse a wrong one and none waits for the others. */
  #ownPart(x: FloatTensor): Tensor {
    const inFeatures = this.weight.layout.globalShape[this.#storage === "outIn" ? 1 : 0];
    if (x.shape.at(-1) !== inFeatures) {
      throw new RangeError(
        `Linear1DRow wants an input of ${inFeatures} features in its last dim, got ${
          formatShape(x.shape)
        }`,
      );
    }
    const label = `x of ${this.weight.name}`;
    return splitToGroup(asF32(x), { group: this.#group, label, unit: this.#unit });
  }
}

function layoutsOf(
  { processGroup: group, unit }: Linear1DRowOptions,
  storage: WeightStorage,
): LinearLayouts {
  const dim = storage === "outIn" ? 1 : 0;
  return { weight: (shape) => new Layout(shape, [{ dim, group, unit }]) };
}

const ROW_OPTIONS = ["processGroup", "parallelInput", "unit"];
