// The output layer of a language model with its classes split over the ranks of a group: rank r holds the rows V_r of W.
//
//   x [..., D]   equal on every rank             W_r [V_r, D], padded to equal shards
//   forward    logits_r = x W_r^T [..., V_r]     no communication: the input of vocabParallelCrossEntropy()
//   gradient   dx = sum over ranks of dlogits_r W_r     one all-reduce, while dW_r is computed
//
// A model may use its embedding's table as W: both then share this rank's part of it.

import { checkOptions } from "../../tensor/option_names.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { gatherFromGroup } from "./group_exchanges.ts";
import type { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import { requireGroup, requireWeights } from "../parameter_checks.ts";
import { overlappedLinear } from "./overlapped_linear.ts";
import { shardOf, takeShard } from "../shard_of.ts";
import {
  type VocabParallelEmbedding,
  type VocabParallelOptions,
  vocabularyLayout,
} from "./vocab_parallel_embedding.ts";

/**
 * Options of {@linkcode VocabParallelHead}.
 *
 * @category Layers
 */
export interface VocabParallelHeadOptions extends VocabParallelOptions {
  /** Whether to return the logits of all classes, without padding, on every rank. Default: false. */
  readonly gatherOutput?: boolean;
}

/**
 * A linear layer to a vocabulary; every rank has some of the classes.
 *
 * @example
 * ```ts
 * import {
 *   launch,
 *   Linear,
 *   RandomSource,
 *   requestDevice,
 *   Tensor,
 *   vocabParallelCrossEntropy,
 *   VocabParallelHead,
 * } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const processGroup = world.group; // of several ranks in a real job
 * const random = new RandomSource(1);
 * using whole = new Linear(device, { inFeatures: 4, outFeatures: 10, bias: false, random });
 * using head = VocabParallelHead.fromNativeModule(whole, { processGroup });
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * const logits = await head.forward(x); // of this rank's classes
 * using targets = Tensor.from(device, [7], { dtype: "u32" });
 * using loss = await vocabParallelCrossEntropy(logits, targets, { processGroup, numClasses: 10 });
 * console.log(await loss.item());
 * ```
 *
 * @category Layers
 */
export class VocabParallelHead extends Module<FloatTensor> {
  /** W_r [V_r, D]: dim 0 split over the group, padded. */
  readonly weight: Parameter;
  /** b_r [V_r]: split like the weight. */
  readonly bias: Parameter | undefined;
  readonly #options: VocabParallelHeadOptions;

  private constructor(
    { weight, bias }: { readonly weight: Parameter; readonly bias: Parameter | undefined },
    options: VocabParallelHeadOptions,
  ) {
    super();
    this.weight = weight;
    this.bias = bias;
    this.#options = options;
  }

  /** Takes this rank's part of a whole layer; `layer` is released and must not be used after. */
  static fromNativeModule(
    layer: Linear,
    options: VocabParallelHeadOptions,
  ): VocabParallelHead {
    checkOptions("VocabParallelHead.fromNativeModule()", options, ["processGroup", "gatherOutput"]);
    requireWeights("VocabParallelHead.fromNativeModule()", layer);
    requireGroup("VocabParallelHead.fromNativeModule()", options.processGroup);
    const { weight, bias } = layer;
    const { processGroup } = options;
    const shards = {
      weight: shardOf(weight, vocabularyLayout(weight.shape, processGroup)),
      bias: bias && shardOf(bias, vocabularyLayout(bias.shape, processGroup)),
    };
    weight[Symbol.dispose]();
    bias?.[Symbol.dispose]();
    return new VocabParallelHead(shards, options);
  }

  /** A layer that shares the embedding's shard; it takes over a bias [V] if one is given. */
  static tiedTo(
    embedding: VocabParallelEmbedding,
    options: VocabParallelHeadOptions & { readonly bias?: Parameter | undefined },
  ): VocabParallelHead {
    checkOptions("VocabParallelHead.tiedTo()", options, ["processGroup", "gatherOutput", "bias"]);
    requireWeights("VocabParallelHead.tiedTo()", embedding);
    requireGroup("VocabParallelHead.tiedTo()", options.processGroup);
    const { weight } = embedding;
    const { bias, processGroup } = options;
    const shard = bias && takeShard(bias, vocabularyLayout(bias.shape, processGroup));
    return new VocabParallelHead({ weight, bias: shard }, options);
  }

  /** x [..., D], equal on every rank, -> logits [..., V_r], padding included, or [..., V] with `gatherOutput`. */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const { processGroup: group, gatherOutput = false } = this.#options;
    const { weight, bias } = this;
    const logits = overlappedLinear({ x, weight, bias }, { group, label: `x of ${weight.name}` });
    if (!gatherOutput) return logits;
    const { globalShape: [numCols], paddedShape: [paddedCols] } = weight.layout;
    const label = `y of ${weight.name}`;
    return await gatherFromGroup(logits, { group, label, numCols, paddedCols });
  }
}
