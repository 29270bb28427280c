// One block of a decoder, x [B, T, D] -> [B, T, D], with its norms before or after:
//
//   before   x <- x + attention(norm x);   x <- x + mlp(norm x)               (GPT-2)
//   after    x <- norm(x + attention x);   x <- norm(x + mlp x)               (Vaswani et al. 2017)

import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import { add } from "../ops/add.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderDescription, NormDescription } from "./decoder_description.ts";
import { Mlp } from "./mlp.ts";
import { type BlockInput, SelfAttention } from "./self_attention.ts";

/** Attention and an MLP, each added to what it sees. */
export class DecoderBlock extends Module<BlockInput> {
  /** Of what attention sees, or of what it was added to. */
  readonly attentionNorm: Layer;
  /** Looks at the tokens before. */
  readonly attention: SelfAttention;
  /** Of what the MLP sees, or of what it was added to. */
  readonly mlpNorm: Layer;
  /** Looks at every token alone. */
  readonly mlp: Mlp;
  readonly #normPlace: "before" | "after";

  /** Block number `index` of a decoder. */
  constructor(make: LayerMaker, { decoder, index }: {
    readonly decoder: DecoderDescription;
    readonly index: number;
  }) {
    super();
    const { width, norm, normPlace } = decoder;
    const { attention, mlp } = decoder.block(index);
    this.attentionNorm = makeNorm(make, { name: "attentionNorm", width, norm });
    this.attention = new SelfAttention(make.within("attention"), { width, description: attention });
    this.mlpNorm = makeNorm(make, { name: "mlpNorm", width, norm });
    this.mlp = new Mlp(make.within("mlp"), { width, description: mlp });
    this.#normPlace = normPlace;
  }

  /** x [B, T, D] -> [B, T, D] */
  override async forward({ x, mask, angles }: BlockInput): Promise<Tensor> {
    if (this.#normPlace === "before") {
      const seen = await this.attentionNorm.forward(x);
      const between = add(x, await this.attention.forward({ x: seen, mask, angles }));
      return add(between, await this.mlp.forward(await this.mlpNorm.forward(between)));
    }
    const attended = add(x, await this.attention.forward({ x, mask, angles }));
    const between = await this.attentionNorm.forward(attended);
    return await this.mlpNorm.forward(add(between, await this.mlp.forward(between)));
  }
}

/** A norm of `width` features, to be kept in the field `name`. */
export function makeNorm(make: LayerMaker, { name, width, norm }: {
  readonly name: string;
  readonly width: number;
  readonly norm: NormDescription;
}): Layer {
  const layer = { features: width, eps: norm.eps };
  return norm.kind === "layer" ? make.layerNorm(name, layer) : make.rmsNorm(name, layer);
}
