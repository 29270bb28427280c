// A transformer block, x [B, T, D] -> [B, T, D], with its norms before or after:
//
//   before   x <- x + attention(norm x);   x <- x + cross(norm x, source);   x <- x + mlp(norm x)      (GPT-2, ViT, T5)
//   after    x <- norm(x + attention x);   x <- norm(x + cross(x, source));  x <- norm(x + mlp x)      (BERT)
//   parallel x <- x + attention(norm x) + mlp(norm' x), where norm' may be the same norm                (GPT-J, Falcon, Cohere)
//
// The output of each part may be scaled feature by feature, and in training dropped, before it is added. The middle part, cross-attention, is for a decoder with an
// encoder (Vaswani et al. 2017).

import type { Dropout } from "../../nn/dropout.ts";
import type { LayerMaker } from "../../nn/layer_maker.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { add } from "../../ops/add.ts";
import { recompute } from "../../tensor/recompute.ts";
import { recordsGradients } from "../../tensor/open_scopes.ts";
import { tidy } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Attention, type AttentionInput } from "./attention.ts";
import type { BlockDescription, NormDescription } from "./block_description.ts";
import { LatentAttention } from "./latent_attention.ts";
import { LayerScale } from "./layer_scale.ts";
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
  /** Whether norms come before each part (pre-norm), or after the residual sum (post-norm). */
  readonly normPlace: "before" | "after";
}

/**
 * A transformer block: attention and an MLP, each with a residual connection.
 *
 * @category Models
 */
export class Block extends Module<BlockInput> {
  /** The norm of self-attention's input, or of its residual sum. */
  readonly attentionNorm: Layer;
  /** Self-attention. */
  readonly attention: Attention | LatentAttention;
  /** The norm of cross-attention's input, or of its residual sum. */
  readonly crossNorm?: Layer;
  /** Cross-attention to an encoder's output. */
  readonly crossAttention?: Attention;
  /** The norm of the MLP's input, or of its residual sum; undefined if it is that of attention. */
  readonly mlpNorm?: Layer;
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
  readonly #normPlace: "before" | "after";
  readonly #isParallel: boolean;
  readonly #dropouts: {
    readonly attention: Dropout | undefined;
    readonly cross: Dropout | undefined;
    readonly mlp: Dropout | undefined;
  };

  /** A block with layers from `make`. */
  constructor(make: LayerMaker, options: BlockOptions) {
    super();
    const { width, norm, normPlace, attention, crossAttention, mlp, parallel } = options;
    const { layerScale } = options;
    this.attentionNorm = makeNorm(make, { name: "attentionNorm", width, norm });
    const within = make.within("attention");
    this.attention = attention.projections === "latent"
      ? new LatentAttention(within, { width, description: attention })
      : new Attention(within, { width, description: attention });
    if (crossAttention !== undefined) {
      this.crossNorm = makeNorm(make, { name: "crossNorm", width, norm });
      this.crossAttention = new Attention(make.within("crossAttention"), {
        width,
        description: crossAttention,
      });
    }
    if (parallel !== "sharedNorm") {
      this.mlpNorm = makeNorm(make, { name: "mlpNorm", width, norm });
    }
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
      const scaled = await scales[part]?.forward(x) ?? x;
      return this.#dropouts[part]?.apply(scaled, dropout) ?? scaled;
    };
    const attended = async (x: Tensor) =>
      await finished("attention", await this.attention.forward({ x, ...others }));
    const mapped = async (x: Tensor) =>
      await finished("mlp", await this.mlp.forward({ x, dropout, routing }));
    if (this.#isParallel) {
      const normed = await this.attentionNorm.forward(x);
      const forMlp = this.mlpNorm === undefined ? normed : await this.mlpNorm.forward(x);
      const sum = add(await attended(normed), await mapped(forMlp));
      return add(sum, x);
    }
    let y = await this.#add(x, this.attentionNorm, attended);
    if (crossAttention !== undefined && encoded !== undefined) {
      const { x: source, mask } = encoded;
      y = await this.#add(y, this.crossNorm!, async (x) => {
        const crossed = await crossAttention.forward({ x, source, mask, dropout, cache });
        return await finished("cross", crossed);
      });
    }
    return await this.#add(y, this.mlpNorm!, mapped);
  }

  /** The residual sum of `x` and `part`, with `norm` before or after. */
  async #add(x: Tensor, norm: Layer, part: (x: Tensor) => Promise<Tensor>): Promise<Tensor> {
    if (this.#normPlace === "before") return added(x, await part(await norm.forward(x)));
    return await norm.forward(added(x, await part(x)));
  }
}

/** The sum; no gradient needs the output of a part, the result of a linear layer or of dropout. */
function added(x: Tensor, output: Tensor): Tensor {
  const sum = add(x, output);
  output.discard();
  return sum;
}

/** A norm of `width` features, to be assigned to the field `name`. */
export function makeNorm(make: LayerMaker, { name, width, norm }: {
  readonly name: string;
  readonly width: number;
  readonly norm: NormDescription;
}): Layer {
  const { kind, eps, bias } = norm;
  const layer = { features: width, eps };
  return kind === "layer" ? make.layerNorm(name, { ...layer, bias }) : make.rmsNorm(name, layer);
}
