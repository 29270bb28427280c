// An embedding whose table is split over the ranks of a group by rows: rank r holds the tokens V_r.
//
//   y[t] = sum over ranks r of (token t in V_r ? table_r[token t - begin of V_r] : 0)      one all-reduce of y [..., D]
//   dtable_r[v] = sum of dy over the positions of token v                                  none: dy is equal on every rank
//
// V is padded to a multiple of the number of ranks, so that shards have equal lengths; padding is zeros at the end of the last shards
// and stays so.                                                                    (Shoeybi et al. 2019, section 3)

import { checkOptions } from "../../tensor/option_names.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { Layout } from "../../distributed/layout.ts";
import { checkIndices, indicesOf, NO_ROW, partialEmbeddingAt } from "../../ops/embedding.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Embedding } from "../embedding.ts";
import { reduceFromGroup } from "./group_exchanges.ts";
import { Module } from "../module.ts";
import { requireGroup, requireWeights } from "../parameter_checks.ts";
import { takeShard } from "../shard_of.ts";

/**
 * Options of a layer that is split by vocabulary.
 *
 * @category Layers
 */
export interface VocabParallelOptions {
  /** Ranks that share the table. */
  readonly processGroup: ProcessGroup;
}

/**
 * Looks up a row of a table for every index; every rank has some of the rows.
 *
 * @example
 * ```ts
 * import {
 *   Embedding,
 *   launch,
 *   RandomSource,
 *   requestDevice,
 *   Tensor,
 *   VocabParallelEmbedding,
 * } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * const processGroup = world.group; // of several ranks in a real job
 * using table = new Embedding(device, { numEmbeddings: 10, embeddingDim: 4, random: new RandomSource(1) });
 * using layer = VocabParallelEmbedding.fromNativeModule(table, { processGroup });
 * using tokens = Tensor.from(device, [3, 5], { shape: [1, 2], dtype: "u32" });
 * using y = await layer.forward(tokens); // equal on every rank
 * ```
 *
 * @category Layers
 */
export class VocabParallelEmbedding extends Module<Tensor<"u32">> {
  /** [V_r, D]: dim 0 split over the group, padded. */
  readonly weight: Parameter;
  readonly #group: ProcessGroup;
  readonly #paddingIndex: number | undefined;

  private constructor(
    weight: Parameter,
    { processGroup, paddingIndex }: VocabParallelOptions & {
      readonly paddingIndex: number | undefined;
    },
  ) {
    super();
    this.weight = weight;
    this.#group = processGroup;
    this.#paddingIndex = paddingIndex;
  }

  /**
   * Takes this rank's rows of a whole table; `embedding` is released and must not be used after.
   *
   * @throws {RangeError} if it is split already.
   */
  static fromNativeModule(
    embedding: Embedding,
    options: VocabParallelOptions,
  ): VocabParallelEmbedding {
    checkOptions("VocabParallelEmbedding.fromNativeModule()", options, ["processGroup"]);
    requireWeights("VocabParallelEmbedding.fromNativeModule()", embedding);
    requireGroup("VocabParallelEmbedding.fromNativeModule()", options.processGroup);
    const { processGroup } = options;
    const { weight: whole, paddingIndex } = embedding;
    const weight = takeShard(whole, vocabularyLayout(whole.shape, processGroup));
    return new VocabParallelEmbedding(weight, { processGroup, paddingIndex });
  }

  /** indices [...] -> [..., D], equal on every rank. @throws {RangeError} if an index is not under V. */
  override async forward(indices: Tensor<"u32">): Promise<Tensor> {
    const { layout } = this.weight;
    // Checks against all of V, so that all ranks refuse a wrong index and none waits for the others.
    checkIndices("VocabParallelEmbedding", indices, layout.globalShape[0]);
    const { begin, end } = layout.range(0);
    const own = indicesOf("VocabParallelEmbedding", indices).map((index) =>
      begin <= index && index < end ? index - begin : NO_ROW
    );
    const padding = this.#paddingIndex;
    const isPaddingHere = padding !== undefined && begin <= padding && padding < end;
    const rows = partialEmbeddingAt(this.weight, own, {
      shape: indices.shape,
      ...(isPaddingHere ? { paddingIndex: padding - begin } : {}),
    });
    const label = `y of ${this.weight.name}`;
    return await reduceFromGroup(rows, { group: this.#group, label });
  }
}

/** The layout of a table [V, D], V padded to a multiple of the number of ranks and split over them. */
export function vocabularyLayout(
  [numRows, ...rest]: readonly number[],
  group: ProcessGroup,
): Layout<ProcessGroup> {
  const padded = Math.ceil(numRows / group.size) * group.size;
  return new Layout([numRows, ...rest], [{ dim: 0, group }], { paddedShape: [padded, ...rest] });
}
