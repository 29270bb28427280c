// A stack of blocks, an encoder or a decoder of two, with positions and a norm after the last block:
//
//   relative   bias [H, 2 T - 1] = weight[bucket of each offset, :]^T, which all blocks add to scores      (relative_positions.ts)
//   learned, sinusoidal   x = x + table, of which that of sinusoids is not trained                         (learned_positions.ts)
//   x = block(x, bias), for every block;   y = norm x

import { Layout } from "../distributed/layout.ts";
import type { Dropout, DropoutMasks } from "../nn/dropout.ts";
import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import { takeShard } from "../nn/shard_of.ts";
import { embeddingAt } from "../ops/embedding.ts";
import { permute } from "../ops/permute.ts";
import { releaseIntermediates } from "../tensor/autograd.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Block, type BlockInput, type BlockOptions } from "./blocks/block.ts";
import { makeNorm } from "./blocks/make_norm.ts";
import type { CachedPass } from "./cache/cached_pass.ts";
import { LearnedPositions } from "./positions/learned_positions.ts";
import { bucketOf, offsetBuckets, type RelativeBuckets } from "./positions/relative_positions.ts";
import type { SplitPlan } from "./splitting/split_plan.ts";

/**
 * The configuration of a stack of blocks.
 *
 * @category Models
 */
export interface StackDescription {
  /** Number of blocks. */
  readonly numBlocks: number;
  /** The configuration of every block. */
  readonly block: BlockOptions;
  /** How positions are encoded. */
  readonly positions: StackPositions;
  /** In training, the probability of dropping features of embeddings. */
  readonly dropout: number;
  /** In training, the probability of dropping features of the last norm. Default: no dropout. */
  readonly outputDropout?: number;
}

/**
 * The positions of a stack: a bias of scores for buckets of distances, or a table of `count` rows that is added to embeddings.
 *
 * @category Models
 */
export type StackPositions =
  | { readonly kind: "relative"; readonly buckets: RelativeBuckets }
  | { readonly kind: "learned" | "sinusoidal"; readonly count: number };

/**
 * Input of a {@linkcode Stack}.
 *
 * @category Models
 */
export interface StackInput {
  /** [B, T, D] */
  readonly x: Tensor;
  /** [B, T] */
  readonly mask?: Tensor<"u32"> | undefined;
  /** An encoder's output [B, S, D] and its mask [B, S], for a decoder. */
  readonly encoded?: {
    readonly x: Tensor;
    readonly mask?: Tensor<"u32"> | undefined;
  };
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
}

/**
 * Blocks with positions, and a norm.
 *
 * @category Models
 */
export class Stack extends Module<StackInput> {
  /** The bias that all blocks add to scores, if positions are relative. */
  readonly relativeBias: RelativeBias | undefined;
  /** The positions that are added to embeddings, otherwise. */
  readonly positions: LearnedPositions | undefined;
  /** The blocks, in order. */
  readonly blocks: readonly Block[];
  /** The norm after the last block. */
  readonly norm: Layer;
  readonly #dropouts: { readonly embeddings: Dropout; readonly output: Dropout | undefined };

  /** A stack with layers from `make`. */
  constructor(make: LayerMaker, description: StackDescription) {
    super();
    const { numBlocks, block, positions, dropout, outputDropout } = description;
    const { width, norm, attention: { numHeads } } = block;
    if (positions.kind === "relative") {
      const { buckets } = positions;
      this.relativeBias = new RelativeBias(make.within("relativeBias"), { numHeads, buckets });
    } else {
      this.positions = new LearnedPositions(make.within("positions"), {
        width,
        count: positions.count,
        offset: 0,
        counted: "all",
        isSinusoidal: positions.kind === "sinusoidal",
      });
    }
    this.blocks = Array.from(
      { length: numBlocks },
      (_, index) => new Block(make.within(`blocks.${index}`), block),
    );
    this.norm = makeNorm(make, { name: "norm", width, norm });
    this.#dropouts = { embeddings: make.dropout(dropout), output: make.dropout(outputDropout) };
  }

  /** x [B, T, D] -> [B, T, D] */
  override async forward({ x, mask, encoded, dropout }: StackInput): Promise<Tensor> {
    const bias = await this.relativeBias?.forward(x.shape[1]);
    const { embeddings, output } = this.#dropouts;
    let y = embeddings.apply(await this.positions?.forward({ x }) ?? x, dropout);
    for (const block of this.blocks) {
      y = await block.forward({ x: y, mask, bias, encoded, dropout });
    }
    const normed = await this.norm.forward(y);
    return output?.apply(normed, dropout) ?? normed;
  }

  /** The same without dropout and gradients, with a cache if there is one; releases `x`. */
  async forwardOnly(x: Tensor, { pass, ...others }: StackPass): Promise<Tensor> {
    using bias = pass === undefined || pass.isFirst
      ? await this.relativeBias?.forward(x.shape[1])
      : this.relativeBias?.ofLast(pass.numKeys, { position: pass.longest - 1 });
    // Blocks release what their outputs were computed from, but all of them need the bias.
    if (bias !== undefined) releaseIntermediates(bias);
    const { positions } = this;
    const at = pass?.positions(x.shape[1]);
    let y = positions === undefined ? x : await forwardOnly(x, (x) => positions.forward({ x, at }));
    for (const block of this.blocks) {
      y = await forwardOnly(y, (x) => block.forward({ x, bias, cache: pass, ...others }));
    }
    return await forwardOnly(y, (x) => this.norm.forward(x));
  }
}

/**
 * Input of {@linkcode Stack.forwardOnly}.
 *
 * @category Models
 */
export interface StackPass extends Pick<BlockInput, "mask" | "encoded"> {
  /** Of a decoder with a cache. */
  readonly pass?: CachedPass;
}

/**
 * A relative position bias: a number for every bucket of offsets and every head.
 *
 * @category Models
 */
export class RelativeBias extends Module<number> {
  /** [buckets, H] */
  weight: Parameter;
  readonly #buckets: RelativeBuckets;

  /** A table with parameters from `make`. */
  constructor(make: LayerMaker, { numHeads, buckets }: {
    readonly numHeads: number;
    readonly buckets: RelativeBuckets;
  }) {
    super();
    this.weight = make.parameter("weight", {
      shape: [buckets.numBuckets, numHeads],
      initial: { deviation: make.deviation },
    });
    this.#buckets = buckets;
  }

  /** For T queries and T keys: [H, 2 T - 1], the bias of each offset. */
  override forward(length: number): Promise<Tensor> {
    return Promise.try(() => {
      const rows = offsetBuckets(this.#buckets, { queries: length, keys: length });
      return permute(embeddingAt(this.weight, rows, { shape: [rows.length] }), [1, 0]);
    });
  }

  /** For the query at `position` and S keys: [H, S], the bias of each key; those after the position have distance 0. */
  ofLast(keys: number, { position }: { readonly position: number }): Tensor {
    const rows = Uint32Array.from(
      { length: keys },
      (_, key) => bucketOf(Math.min(key - position, 0), this.#buckets),
    );
    return permute(embeddingAt(this.weight, rows, { shape: [rows.length] }), [1, 0]);
  }

  /** Every rank keeps the columns of its heads: T5 has as many heads of keys as of queries, so any head can be split off. */
  planSplit(plan: SplitPlan): void {
    const { weight } = this;
    const layout = new Layout(weight.shape, [{ dim: 1, group: plan.processGroup }]);
    plan.add(() => this.weight = takeShard(weight, layout));
  }
}
