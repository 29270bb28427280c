// SAM's decoder of masks (Kirillov et al. 2023, appendix A): tokens of the scores, of masks and of the prompt, and the image, attend to one
// another; then every mask's token becomes weights of the channels of the image, enlarged four times.
//
//   tokens [N, 1 + M + T, C], image [N, S, C]  ->  two-way blocks  ->  attention of the tokens to the image, norm
//   image [N, C, h, w] -> transposed convolutions u [N, C / 8, 4 h, 4 w];  mask m: MLP_m(its token) . u;  scores: MLP(first token) [N, M]
//
// Of the M masks the first is the answer to a clear prompt, the others to one that may mean several things.

import type { Embedding } from "../nn/embedding.ts";
import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import { add } from "../ops/add.ts";
import { batchedMatmul } from "../ops/batched_matmul.ts";
import { gelu } from "../ops/gelu.ts";
import { repeat } from "../ops/repeat.ts";
import { reshape } from "../ops/reshape.ts";
import { concat, slice } from "../ops/slice.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Attention } from "./blocks/attention.ts";
import type { AttentionDescription } from "./blocks/block_description.ts";
import { normalizedChannels, toImage } from "./blocks/image_layout.ts";
import { LayeredMlp } from "./blocks/layered_mlp.ts";
import {
  attendedToImage,
  ImageUpdate,
  TokenUpdate,
  type TwoWayDescription,
  type TwoWayInput,
} from "./blocks/two_way.ts";

/**
 * The configuration of the decoder of masks.
 *
 * @category Models
 */
export interface MaskDecoderDescription {
  /** The configuration of every block, and C. */
  readonly block: TwoWayDescription;
  /** Number of blocks. */
  readonly numBlocks: number;
  /** Of the tokens to the image, after the blocks. */
  readonly finalAttention: AttentionDescription;
  /** M - 1: masks for a prompt that may mean several things. */
  readonly numMasks: number;
  /** h */
  readonly rows: number;
  /** w */
  readonly columns: number;
  /** Features between the layers of the scores' MLP. */
  readonly scoreWidth: number;
  /** Number of those layers. */
  readonly scoreDepth: number;
  /** Added under the square root of the norm after the blocks. */
  readonly finalEps: number;
  /** Added under the square root of the norm between the transposed convolutions. */
  readonly enlargedEps: number;
}

/**
 * What masks are decoded from.
 *
 * @category Models
 */
export interface MaskDecoderInput {
  /** [N, T, C]: the prompt of every object. Default: there is none. */
  readonly prompts?: Tensor | undefined;
  /** [N, S, C] */
  readonly image: Tensor;
  /** [S, C] */
  readonly imagePositions: Tensor;
}

/**
 * The decoder's result.
 *
 * @category Models
 */
export interface DecodedMasks {
  /** Logits of masks [N, M, 4 h, 4 w]. */
  readonly masks: Tensor;
  /** How well each mask is expected to overlap with the object, about 0 to 1 [N, M]. */
  readonly scores: Tensor;
}

/**
 * Decodes masks.
 *
 * @category Models
 */
export class MaskDecoder extends Module<MaskDecoderInput> {
  /** The token of the scores. */
  readonly scoreToken: Embedding;
  /** The tokens of masks. */
  readonly maskTokens: Embedding;
  /** The halves of the blocks that change tokens. */
  readonly tokenUpdates: readonly TokenUpdate[];
  /** The halves of the blocks that change the image. */
  readonly imageUpdates: readonly ImageUpdate[];
  /** From the tokens to the image, after the blocks. */
  readonly finalAttention: Attention;
  /** After it. */
  readonly finalNorm: Layer;
  /** C -> C / 4 channels, twice as high and wide. */
  readonly enlarge: Layer;
  /** After it. */
  readonly enlargedNorm: Layer;
  /** C / 4 -> C / 8 channels, twice as high and wide. */
  readonly enlargeAgain: Layer;
  /** From the token of a mask to weights of channels. */
  readonly maskMlps: readonly LayeredMlp[];
  /** From the token of the scores to these. */
  readonly scoreMlp: LayeredMlp;
  readonly #description: MaskDecoderDescription;

  /** A decoder with layers from `make`. */
  constructor(make: LayerMaker, description: MaskDecoderDescription) {
    super();
    const { block, numBlocks, scoreWidth, scoreDepth, finalEps } = description;
    const { width } = block;
    const numMasks = description.numMasks + 1;
    const [quarter, eighth] = [Math.floor(width / 4), Math.floor(width / 8)];
    const doubling = { kernel: [2, 2], stride: 2, bias: true };
    const table = (name: string, numEmbeddings: number) =>
      make.embedding(name, { numEmbeddings, embeddingDim: width });
    const indices = [...Array(numBlocks).keys()];
    this.scoreToken = table("scoreToken", 1);
    this.maskTokens = table("maskTokens", numMasks);
    this.tokenUpdates = indices.map((index) =>
      new TokenUpdate(make.within(`tokenUpdates.${index}`), block, { index })
    );
    this.imageUpdates = indices.map((index) =>
      new ImageUpdate(make.within(`imageUpdates.${index}`), block)
    );
    this.finalAttention = new Attention(make.within("finalAttention"), {
      width,
      description: description.finalAttention,
    });
    this.finalNorm = make.layerNorm("finalNorm", { features: width, eps: finalEps });
    this.enlarge = make.convTranspose2d("enlarge", {
      ...doubling,
      inChannels: width,
      outChannels: quarter,
    });
    this.enlargedNorm = make.layerNorm("enlargedNorm", {
      features: quarter,
      eps: description.enlargedEps,
    });
    this.enlargeAgain = make.convTranspose2d("enlargeAgain", {
      ...doubling,
      inChannels: quarter,
      outChannels: eighth,
    });
    const mlp = { inFeatures: width, width, outFeatures: eighth, depth: 3 };
    this.maskMlps = Array.from(
      { length: numMasks },
      (_, k) => new LayeredMlp(make.within(`maskMlps.${k}`), mlp),
    );
    this.scoreMlp = new LayeredMlp(make.within("scoreMlp"), {
      inFeatures: width,
      width: scoreWidth,
      outFeatures: numMasks,
      depth: scoreDepth,
    });
    this.#description = description;
  }

  /** The logits of all masks [N, M, 4 h, 4 w], without scores. */
  override async forward(input: MaskDecoderInput): Promise<Tensor> {
    return await this.#masks(await this.#updated(input));
  }

  /** The logits and scores of all masks. */
  async decode(input: MaskDecoderInput): Promise<DecodedMasks> {
    const updated = await this.#updated(input);
    const scores = await this.scoreMlp.forward(this.#token(updated.tokens, 0));
    return { masks: await this.#masks(updated), scores };
  }

  /** The tokens and the image after all blocks. */
  async #updated(
    { prompts, image, imagePositions }: MaskDecoderInput,
  ): Promise<Pick<TwoWayInput, "tokens" | "image">> {
    const own = concat([this.scoreToken.weight, this.maskTokens.weight], { dim: 0 });
    const repeated = repeat(own, image.shape[0]);
    const tokenPositions = prompts === undefined
      ? repeated
      : concat([repeated, prompts], { dim: 1 });
    let input: TwoWayInput = { tokens: tokenPositions, tokenPositions, image, imagePositions };
    for (const [index, update] of this.tokenUpdates.entries()) {
      input = { ...input, tokens: await update.forward(input) };
      input = { ...input, image: await this.imageUpdates[index].forward(input) };
    }
    const attended = await attendedToImage(this.finalAttention, input);
    const tokens = await this.finalNorm.forward(add(input.tokens, attended));
    return { tokens, image: input.image };
  }

  async #masks({ tokens, image }: Pick<TwoWayInput, "tokens" | "image">): Promise<Tensor> {
    const first = await this.enlarge.forward(toImage(image, this.#description));
    const normed = gelu(await normalizedChannels(first, this.enlargedNorm));
    const enlarged = gelu(await this.enlargeAgain.forward(normed));
    const [objects, channels, height, width] = enlarged.shape;
    const ofMasks: Tensor[] = [];
    for (const [k, mlp] of this.maskMlps.entries()) {
      const weights = await mlp.forward(this.#token(tokens, 1 + k));
      ofMasks.push(reshape(weights, [objects, 1, channels]));
    }
    const places = reshape(enlarged, [objects, channels, height * width]);
    const masks = batchedMatmul(concat(ofMasks, { dim: 1 }), places);
    return reshape(masks, [objects, ofMasks.length, height, width]);
  }

  /** One token of every object [N, C] */
  #token(tokens: Tensor, index: number): Tensor {
    const [objects, , width] = tokens.shape;
    return reshape(slice(tokens, { dim: 1, begin: index, end: index + 1 }), [objects, width]);
  }
}
