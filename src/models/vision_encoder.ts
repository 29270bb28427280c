// A vision transformer: patches of an image (vision_embeddings.ts), blocks that attend to all of them, and a norm.
//
//   pixels [B, C, height, width] -> embeddings [B, T, D] -> norm, if there is one -> blocks -> norm, if there is one -> [B, T, D]
//
// One class for ViT and the tower of BLIP-2, which differ in their VisionDescription; families/ makes it from configs.

import type { Dropout, DropoutMasks } from "../nn/dropout.ts";
import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import { forwardOnly } from "../tensor/forward_only.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Block, type BlockOptions } from "./blocks/block.ts";
import { makeNorm } from "./blocks/make_norm.ts";
import { type ImageDescription, VisionEmbeddings } from "./vision_embeddings.ts";

/**
 * The configuration of a vision encoder.
 *
 * @category Models
 */
export interface VisionDescription extends ImageDescription {
  /** Number of blocks. */
  readonly numBlocks: number;
  /** The configuration of every block, and of the norms before and after them. */
  readonly block: BlockOptions;
  /** Where attention is within windows of a grid, the blocks whose tokens attend to the whole of it. Default: none. */
  readonly globalBlocks?: readonly number[];
  /** Whether there is a norm before the first block. Default: false. */
  readonly embeddingNorm?: boolean;
  /** Whether there is a norm after the last block. Default: true. */
  readonly finalNorm?: boolean;
  /** Standard deviation of initial weights. */
  readonly deviation: number;
  /** In training, the probability of dropping features of embeddings. Default: no dropout. */
  readonly dropout?: number;
}

/**
 * Input of a vision encoder.
 *
 * @category Models
 */
export interface VisionInput {
  /** [B, C, height, width] */
  readonly pixels: FloatTensor;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
}

/**
 * Turns images into sequences of features.
 *
 * @category Models
 */
export class VisionEncoder extends Module<VisionInput> {
  /** Turns images into sequences. */
  readonly embeddings: VisionEmbeddings;
  /** The norm before the first block, if there is one. */
  readonly embeddingNorm: Layer | undefined;
  /** The blocks, in order. */
  readonly blocks: readonly Block[];
  /** The norm after the last block, if there is one. */
  readonly norm: Layer | undefined;
  readonly #dropout: Dropout | undefined;

  /** An encoder with layers from `make`. */
  constructor(make: LayerMaker, description: VisionDescription) {
    super();
    const { numBlocks, block, embeddingNorm = false, finalNorm = true } = description;
    const { globalBlocks = [] } = description;
    const { width, norm } = block;
    const normCalled = (name: string) => makeNorm(make, { name, width, norm });
    this.embeddings = new VisionEmbeddings(make.within("embeddings"), { ...description, width });
    this.embeddingNorm = embeddingNorm ? normCalled("embeddingNorm") : undefined;
    this.#dropout = make.dropout(description.dropout);
    this.blocks = Array.from(
      { length: numBlocks },
      (_, index) => {
        const options = globalBlocks.includes(index) ? withoutWindows(block) : block;
        return new Block(make.within(`blocks.${index}`), options);
      },
    );
    this.norm = finalNorm ? normCalled("norm") : undefined;
  }

  /** pixels [B, C, height, width] -> [B, T, D]. @throws {RangeError} if images are not of the model's size */
  override async forward({ pixels, dropout }: VisionInput): Promise<Tensor> {
    let x = await this.#embed({ pixels, dropout });
    for (const block of this.blocks) x = await block.forward({ x, dropout });
    return this.norm === undefined ? x : await this.norm.forward(x);
  }

  /** The same without dropout and gradients. */
  async forwardOnly(pixels: FloatTensor): Promise<Tensor> {
    let x = await this.#embed({ pixels });
    for (const block of this.blocks) x = await forwardOnly(x, (x) => block.forward({ x }));
    const { norm } = this;
    return norm === undefined ? x : await forwardOnly(x, (x) => norm.forward(x));
  }

  async #embed({ pixels, dropout }: VisionInput): Promise<Tensor> {
    let x = await this.embeddings.forward(pixels);
    if (this.embeddingNorm !== undefined) x = await this.embeddingNorm.forward(x);
    return this.#dropout === undefined ? x : this.#dropout.apply(x, dropout);
  }
}

function withoutWindows(block: BlockOptions): BlockOptions {
  const { attention } = block;
  if (!("grid" in attention) || attention.grid === undefined) return block;
  return { ...block, attention: { ...attention, grid: { ...attention.grid, window: undefined } } };
}
