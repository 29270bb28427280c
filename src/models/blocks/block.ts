// A transformer block, x [B, T, D] -> [B, T, D], with its norms before or after its parts, or both:
//
//   before   x <- x + attention(norm x);   x <- x + cross(norm x, source);   x <- x + mlp(norm x)      (GPT-2, ViT, T5)
//   after    x <- norm(x + attention x);   x <- norm(x + cross(x, source));  x <- norm(x + mlp x)      (BERT)
//   both     x <- x + norm'(attention(norm x));   x <- x + norm'(mlp(norm x))                          (Gemma 2)
//   output   x <- x + norm(attention x);          x <- x + norm(mlp x)                                  (OLMo 2)
//   parallel x <- x + attention(norm x) + mlp(norm' x), where norm' may be the same norm                (GPT-J, Falcon, Cohere)
//
// The output of each part may be scaled, also feature by feature, and in training dropped, before it is added. The middle part,
// cross-attention, is for a decoder with an encoder (Vaswani et al. 2017).

import type { Dropout } from "../../nn/dropout.ts";
import type { LayerMaker } from "../../nn/layer_maker.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { add } from "../../ops/add.ts";
import { scale } from "../../ops/scale.ts";
import { recompute } from "../../tensor/recompute.ts";
import { recordsGradients } from "../../tensor/open_scopes.ts";
import { tidy } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Attention, type AttentionInput } from "./attention.ts";
import type { BlockDescription, NormDescription, NormPlace } from "./block_description.ts";
import { LatentAttention } from "./latent_attention.ts";
import { LayerScale } from "./layer_scale.ts";
import { makeNorm } from "./make_norm.ts";
import { Experts } from "./experts.ts";
import { Mlp, type MlpInput } from "./mlp.ts";

/**
 * Input of a {@linkcode Block}.
 *
 * @category Models
 */
export interface BlockInput extends Omit<AttentionInput, "source">, Pick<MlpInput, "routing"> {
  /** An encoder's output [B, S, D], or "cached" after the first pass with a cache, and its mask [B, S]; for cross-attention. */
  readonly encoded?: {
    readonly x: Tensor | "cached";
    readonly mask?: Tensor<"u32"> | undefined;
  } | undefined;
}

/**
 * The configuration of a block.
 *
 * @category Models
 */
export interface BlockOptions extends BlockDescription {
  /** D */
  readonly width: number;
  /** Every norm. */
  readonly norm: NormDescription;
  /** Where the norms are. */
  readonly normPlace: NormPlace;
}

/**
 * A transformer block: attention and an MLP, each with a residual connection.
 *
 * @category Models
 */
export class Block extends Module<BlockInput> {
  /** The norm of self-attention's input, or of its residual sum, if there is one. */
  readonly attentionNorm?: Layer;
  /** The norm of self-attention's output, if there is one. */
  readonly attentionOutputNorm?: Layer;
  /** Self-attention. */
  readonly attention: Attention | LatentAttention;
  /** The norm of cross-attention's input, or of its residual sum. */
  readonly crossNorm?: Layer;
  /** The norm of cross-attention's output, if there is one. */
  readonly crossOutputNorm?: Layer;
  /** Cross-attention to an encoder's output. */
  readonly crossAttention?: Attention;
  /** The norm of the MLP's input, or of its residual sum; undefined if it is that of attention, or there is none. */
  readonly mlpNorm?: Layer;
  /** The norm of the MLP's output, if there is one. */
  readonly mlpOutputNorm?: Layer;
  /** The MLP, or experts. */
  readonly mlp: Mlp | Experts;
  /** Factors of the features of self-attention's output, if there are any. */
  readonly attentionScale?: LayerScale;
  /** Factors of the features of cross-attention's output, if there are any. */
  readonly crossScale?: LayerScale;
  /** Factors of the features of the MLP's output, if there are any. */
  readonly mlpScale?: LayerScale;
  /** Whether backward computes the activations within the block again, instead of keeping them. */
  recomputed = false;
  readonly #normPlace: NormPlace;
  readonly #isParallel: boolean;
  readonly #residualScale: number | undefined;
  readonly #dropouts: {
    readonly attention: Dropout | undefined;
    readonly cross: Dropout | undefined;
    readonly mlp: Dropout | undefined;
  };

  /** A block with layers from `make`. */
  constructor(make: LayerMaker, options: BlockOptions) {
    super();
    const { width, norm, normPlace, attention, crossAttention, mlp, parallel } = options;
    const { layerScale, attentionIsNormed = true } = options;
    const normCalled = (name: string) => makeNorm(make, { name, width, norm });
    const outputsAreNormed = normPlace === "both" || normPlace === "output";
    const inputsAreNormed = normPlace !== "output";
    if (inputsAreNormed && attentionIsNormed) this.attentionNorm = normCalled("attentionNorm");
    if (outputsAreNormed) this.attentionOutputNorm = normCalled("attentionOutputNorm");
    const within = make.within("attention");
    this.attention = attention.projections === "latent"
      ? new LatentAttention(within, { width, description: attention })
      : new Attention(within, { width, description: attention });
    if (crossAttention !== undefined) {
      if (inputsAreNormed) this.crossNorm = normCalled("crossNorm");
      if (outputsAreNormed) this.crossOutputNorm = normCalled("crossOutputNorm");
      this.crossAttention = new Attention(make.within("crossAttention"), {
        width,
        description: crossAttention,
      });
    }
    if (inputsAreNormed && parallel !== "sharedNorm") this.mlpNorm = normCalled("mlpNorm");
    if (outputsAreNormed) this.mlpOutputNorm = normCalled("mlpOutputNorm");
    this.mlp = mlp.kind === "experts"
      ? new Experts(make.within("mlp"), { width, description: mlp })
      : new Mlp(make.within("mlp"), { width, description: mlp });
    if (layerScale !== undefined) {
      const factors = (name: string) =>
        new LayerScale(make.within(name), { width, initial: layerScale });
      this.attentionScale = factors("attentionScale");
      if (crossAttention !== undefined) this.crossScale = factors("crossScale");
      this.mlpScale = factors("mlpScale");
    }
    this.#normPlace = normPlace;
    this.#isParallel = parallel !== undefined;
    this.#residualScale = options.residualScale;
    const { dropout, mlpIsDropped = true } = options;
    this.#dropouts = {
      attention: make.dropout(dropout),
      cross: make.dropout(crossAttention && dropout),
      mlp: make.dropout(mlpIsDropped ? dropout : undefined),
    };
  }

  /** x [B, T, D] -> [B, T, D] */
  override async forward(input: BlockInput): Promise<Tensor> {
    const forward = () => this.#forward(input);
    // Without gradients, nothing within a block outlives it.
    if (!recordsGradients()) return await tidy(forward);
    return this.recomputed ? await recompute(forward) : await forward();
  }

  async #forward({ x, encoded, routing, ...others }: BlockInput): Promise<Tensor> {
    const { crossAttention } = this;
    const { dropout, cache } = others;
    const scales = { attention: this.attentionScale, cross: this.crossScale, mlp: this.mlpScale };
    const finished = async (part: keyof typeof scales, x: Tensor) => {
      const factor = this.#residualScale;
      const scaled = await scales[part]?.forward(x) ??
        (factor === undefined ? x : scale(x, factor));
      return this.#dropouts[part]?.apply(scaled, dropout) ?? scaled;
    };
    const attended = async (x: Tensor) =>
      await finished("attention", await this.attention.forward({ x, ...others }));
    const mapped = async (x: Tensor) =>
      await finished("mlp", await this.mlp.forward({ x, dropout, routing }));
    if (this.#isParallel) {
      const normed = await this.attentionNorm!.forward(x);
      const forMlp = this.mlpNorm === undefined ? normed : await this.mlpNorm.forward(x);
      const sum = add(await attended(normed), await mapped(forMlp));
      return add(sum, x);
    }
    const norms = { norm: this.attentionNorm, outputNorm: this.attentionOutputNorm };
    let y = await this.#add(x, norms, attended);
    if (crossAttention !== undefined && encoded !== undefined) {
      const { x: source, mask } = encoded;
      const norms = { norm: this.crossNorm, outputNorm: this.crossOutputNorm };
      y = await this.#add(y, norms, async (x) => {
        const crossed = await crossAttention.forward({ x, source, mask, dropout, cache });
        return await finished("cross", crossed);
      });
    }
    return await this.#add(y, { norm: this.mlpNorm, outputNorm: this.mlpOutputNorm }, mapped);
  }

  /** The residual sum of `x` and `part`, with its norms. */
  async #add(
    x: Tensor,
    { norm, outputNorm }: {
      readonly norm: Layer | undefined;
      readonly outputNorm: Layer | undefined;
    },
    part: (x: Tensor) => Promise<Tensor>,
  ): Promise<Tensor> {
    if (this.#normPlace === "after") return await norm!.forward(added(x, await part(x)));
    const output = await part(norm === undefined ? x : await norm.forward(x));
    return added(x, outputNorm === undefined ? output : await outputNorm.forward(output));
  }
}

/** The sum; no gradient needs the output of a part, the result of a linear layer, of a norm or of dropout. */
function added(x: Tensor, output: Tensor): Tensor {
  const sum = add(x, output);
  output.discard();
  return sum;
}
