// A linear layer whose output features are split over the ranks of a group: rank r holds rows O_r of W and of b.
//
//   x [..., I]   equal on every rank          W_r [O_r, I]          b_r [O_r]
//   forward    y_r = x W_r^T + b_r            no communication; with gatherOutput, all columns y [..., O] are gathered
//   gradient   dx = sum_r dy_r W_r            one all-reduce; dW_r = dy_r^T x and db_r need none
//
// With `overlap`, dW and db are computed during the all-reduce of dx.                       (Shoeybi et al. 2019, section 3)
//
// Features may stay together (those of a head), several layers may be stored as one (queries, keys and values: W [parts, O / parts, I],
// split along dim 1), and where there are fewer units than ranks, several ranks hold the same ones:
//
//   replicas   each computes dW_r of its own use of y_r; their sum, one all-reduce over the replicas, is the gradient on all

import { checkOptions } from "../../tensor/option_names.ts";
import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { Layout } from "../../distributed/layout.ts";
import { asF32 } from "../../ops/cast.ts";
import { linear } from "../../ops/linear.ts";
import { matmul } from "../../ops/matmul.ts";
import { reshape } from "../../ops/reshape.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { copyToGroup, gatherFromGroup } from "./group_exchanges.ts";
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
import { overlappedLinear, type WeightStorage } from "./overlapped_linear.ts";
import { TransposedLinear } from "../transposed_linear.ts";

/**
 * Options of {@linkcode Linear1DCol}.
 *
 * @category Layers
 */
export interface Linear1DColOptions {
  /** Ranks that share the layer. */
  readonly processGroup: ProcessGroup;
  /** Whether to return all output features on every rank, not only its own. Default: false. */
  readonly gatherOutput?: boolean;
  /** Whether to compute dW during the all-reduce of dx. Default: true. */
  readonly overlap?: boolean;
  /** This many output features stay together, as those of an attention head. Default: 1. */
  readonly unit?: number;
  /** Number of layers of equal width that are stored as one and each split: 3 for queries, keys, values. Default: 1. */
  readonly parts?: number;
  /** For a layer with fewer units than ranks. Default: every rank has units of its own. */
  readonly replication?: Replication;
}

/**
 * The ranks of one group as a grid: those that hold the same part of a layer, and those that hold different parts.
 *
 * @category Layers
 */
export interface Replication {
  /** This rank and ranks that hold other parts; together they hold each part once. */
  readonly shardGroup: ProcessGroup;
  /** This rank and the ranks that hold the same part. */
  readonly replicaGroup: ProcessGroup;
}

/**
 * A linear layer with its output features split over ranks (column parallel).
 *
 * @example
 * ```ts
 * import {
 *   launch,
 *   Linear,
 *   Linear1DCol,
 *   RandomSource,
 *   requestDevice,
 *   Tensor,
 * } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const processGroup = world.group; // of several ranks in a real job
 * using whole = new Linear(device, { inFeatures: 4, outFeatures: 2, random: new RandomSource(1) });
 * using layer = Linear1DCol.fromNativeModule(whole, { processGroup });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * using y = await layer.forward(x); // this rank's output features
 * ```
 *
 * @category Layers
 */
export class Linear1DCol extends Module<FloatTensor> {
  /** W_r [O_r, I], or transposed as in the whole layer; [parts, O_r, I] with parts. Split over the group. */
  readonly weight: Parameter;
  /** b_r [O_r], [parts, O_r] with parts. Split over the group. */
  readonly bias: Parameter | undefined;
  readonly #storage: WeightStorage;
  readonly #options: Linear1DColOptions;

  private constructor(
    { weight, bias }: LinearParameters,
    options: Linear1DColOptions & { readonly storage: WeightStorage },
  ) {
    super();
    this.weight = weight;
    this.bias = bias;
    this.#storage = options.storage;
    this.#options = options;
  }

  /**
   * Takes this rank's part of a whole layer; `layer` is released and must not be used after.
   *
   * @throws {RangeError} if it is split already, or does not divide into units and parts, one unit for each rank.
   * @throws {TypeError} if `gatherOutput` is set with parts or replicas.
   */
  static fromNativeModule(
    layer: Linear | TransposedLinear,
    options: Linear1DColOptions,
  ): Linear1DCol {
    checkOptions("Linear1DCol.fromNativeModule()", options, [
      "processGroup",
      "gatherOutput",
      "overlap",
      "unit",
      "parts",
      "replication",
    ]);
    requireWeights("Linear1DCol.fromNativeModule()", layer);
    requireGroup("Linear1DCol.fromNativeModule()", options.processGroup);
    const storage = layer instanceof TransposedLinear ? "inOut" : "outIn";
    return new Linear1DCol(takeShards(layer, layoutsOf(options, storage)), { ...options, storage });
  }

  /** A new layer with the values of a whole one from the same stream, of which only this rank's part is made. */
  static create(
    device: Device,
    options: LinearOptions & Omit<Linear1DColOptions, "parts" | "replication">,
  ): Linear1DCol {
    checkOptions("Linear1DCol.create()", options, [
      ...LINEAR_OPTIONS,
      "processGroup",
      "gatherOutput",
      "overlap",
      "unit",
    ]);
    requireGroup("Linear1DCol.create()", options.processGroup);
    const storage = "outIn";
    const parameters = initialParameters(device, options, layoutsOf(options, storage));
    return new Linear1DCol(parameters, { ...options, storage });
  }

  /** x [..., I], equal on every rank, -> [..., O_r], or [..., O] with `gatherOutput`. */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const { processGroup: group, gatherOutput = false, overlap = true, unit } = this.#options;
    const operands = this.#operands();
    const { name } = this.weight;
    const exchange = { group, label: `x of ${name}` };
    const y = overlap
      ? overlappedLinear({ x, ...operands, storage: this.#storage }, exchange)
      : this.#plainLinear(copyToGroup(asF32(x), exchange), operands);
    if (!gatherOutput) return y;
    const outDim = this.#storage === "outIn" ? 0 : 1;
    const numCols = this.weight.layout.globalShape[outDim];
    return await gatherFromGroup(y, { group, label: `y of ${name}`, unit, numCols });
  }

  /** W_r as a matrix and b_r as a vector, whose gradients are summed over replicas. */
  #operands(): { readonly weight: FloatTensor; readonly bias: FloatTensor | undefined } {
    const { parts = 1, replication } = this.#options;
    const summed = (parameter: Parameter) =>
      replication === undefined
        ? parameter
        : copyToGroup(parameter, { group: replication.replicaGroup, label: parameter.name });
    const [weight, bias] = [summed(this.weight), this.bias && summed(this.bias)];
    if (parts === 1) return { weight, bias };
    const { shape } = weight;
    const matrix = this.#storage === "outIn"
      ? [shape[0] * shape[1], shape[2]]
      : [shape[0], shape[1] * shape[2]];
    return { weight: reshape(weight, matrix), bias: bias && reshape(bias, [bias.length]) };
  }

  #plainLinear(
    x: Tensor,
    { weight, bias }: { readonly weight: FloatTensor; readonly bias: FloatTensor | undefined },
  ): Tensor {
    return this.#storage === "outIn" ? linear(x, weight, bias) : matmul(x, weight, bias);
  }
}

/** Splits the dim of output features, of each part. */
function layoutsOf(options: Linear1DColOptions, storage: WeightStorage): LinearLayouts {
  const { processGroup, gatherOutput = false, unit, parts = 1, replication } = options;
  if (gatherOutput && (parts > 1 || replication !== undefined)) {
    throw new TypeError("Cannot gather the output of a layer of parts or with replicas");
  }
  const group = replication?.shardGroup ?? processGroup;
  const cutAlong = (outDim: number) => (shape: readonly number[]) => {
    if (parts === 1) return new Layout(shape, [{ dim: outDim, group, unit }]);
    if (shape[outDim] % parts !== 0) {
      throw new RangeError(
        `Cannot divide ${shape[outDim]} output features into ${parts} equal parts`,
      );
    }
    const inParts = shape.toSpliced(outDim, 1, parts, shape[outDim] / parts);
    return new Layout(inParts, [{ dim: outDim + 1, group, unit }], { wholeShape: shape });
  };
  return { weight: cutAlong(storage === "outIn" ? 0 : 1), bias: cutAlong(0) };
}
