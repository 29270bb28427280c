// The Q-Former of BLIP-2 (Li et al. 2023): learned queries that ask about an image.
//
//   q [B, Q, D] = norm(queries), the same for every image;   q <- block(q, image [B, T, V])       attention among the queries,
//   to the image in some blocks, an MLP; norms after the sums
//
// In training together with texts, blocks have a second MLP for these. A model that gives it no text keeps the weights, without a gradient.

import type { Dropout, DropoutMasks } from "../nn/dropout.ts";
import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import { repeat } from "../ops/repeat.ts";
import { reshape } from "../ops/reshape.ts";
import { releaseIntermediates } from "../tensor/autograd.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttentionDescription, MlpDescription } from "./blocks/block_description.ts";
import { Block, type BlockOptions } from "./blocks/block.ts";
import { makeNorm } from "./blocks/make_norm.ts";
import { Mlp } from "./blocks/mlp.ts";

/**
 * The configuration of a Q-Former.
 *
 * @category Models
 */
export interface QFormerDescription {
  /** Q: number of queries. */
  readonly numQueries: number;
  /** Number of blocks. */
  readonly numBlocks: number;
  /** The configuration of every block, without its attention to the image. */
  readonly block: Omit<BlockOptions, "crossAttention"> & { readonly mlp: MlpDescription };
  /** Attention to the image. */
  readonly crossAttention: AttentionDescription;
  /** Block 0 and every block this many after one attend to the image. */
  readonly crossFrequency: number;
  /** Whether blocks have a second MLP, for texts. */
  readonly hasTextMlps: boolean;
  /** Standard deviation of initial weights. */
  readonly deviation: number;
  /** In training, the probability of dropping features of the first block's input. */
  readonly dropout: number;
}

/**
 * Input of a {@linkcode QFormer}.
 *
 * @category Models
 */
export interface QFormerInput {
  /** Features of images: [B, T, V] */
  readonly image: Tensor;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
}

/**
 * Turns features of images into those of a few queries.
 *
 * @category Models
 */
export class QFormer extends Module<QFormerInput> {
  /** [1, Q, D] */
  readonly queries: Parameter;
  /** The norm of the queries. */
  readonly norm: Layer;
  /** The blocks, in order. */
  readonly blocks: readonly Block[];
  /** The second MLP of each block, if there are any. */
  readonly textMlps: readonly Mlp[];
  /** The norm after each of them. */
  readonly textNorms: readonly Layer[];
  readonly #dropout: Dropout;

  /** A Q-Former with layers from `make`. */
  constructor(make: LayerMaker, description: QFormerDescription) {
    super();
    const { numQueries, numBlocks, block, crossAttention, crossFrequency } = description;
    const { width, norm } = block;
    const each = <Made>(make: (index: number) => Made) =>
      Array.from({ length: numBlocks }, (_, index) => make(index));
    this.queries = make.parameter("queries", {
      shape: [1, numQueries, width],
      initial: { every: 0 },
    });
    this.norm = makeNorm(make, { name: "norm", width, norm });
    this.#dropout = make.dropout(description.dropout);
    this.blocks = each((index) => {
      const crosses = index % crossFrequency === 0;
      return new Block(
        make.within(`blocks.${index}`),
        crosses ? { ...block, crossAttention } : block,
      );
    });
    const second = description.hasTextMlps ? each((index) => index) : [];
    this.textMlps = second.map((index) =>
      new Mlp(make.within(`textMlps.${index}`), { width, description: block.mlp })
    );
    this.textNorms = second.map((index) =>
      makeNorm(make, { name: `textNorms.${index}`, width, norm })
    );
  }

  /** Features of images [B, T, V] -> [B, Q, D] */
  override async forward({ image, dropout }: QFormerInput): Promise<Tensor> {
    let x = await this.#start({ image, dropout });
    for (const block of this.blocks) x = await block.forward({ x, encoded: { x: image }, dropout });
    return x;
  }

  /** The same without dropout and gradients; releases `image`. */
  async forwardOnly(image: Tensor): Promise<Tensor> {
    // Blocks release what their outputs were computed from, but several of them need the image.
    releaseIntermediates(image);
    let x = await this.#start({ image });
    for (const block of this.blocks) {
      x = await forwardOnly(x, (x) => block.forward({ x, encoded: { x: image } }));
    }
    image.release();
    return x;
  }

  async #start({ image, dropout }: QFormerInput): Promise<Tensor> {
    const [, numQueries, width] = this.queries.shape;
    const own = repeat(reshape(this.queries, [numQueries, width]), image.shape[0]);
    return this.#dropout.apply(await this.norm.forward(own), dropout);
  }
}
