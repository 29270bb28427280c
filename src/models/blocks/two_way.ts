// Two-way attention between a few tokens t [N, T, C] and the places of an image x [N, S, C] (Kirillov et al. 2023, "Segment anything",
// appendix A), with positions p of the tokens and e of the places, which queries and keys have and values have not:
//
//   tokens   t <- norm(t + self(t + p, t + p, t))               in the first block norm(self(t, t, t)): nothing is added
//            t <- norm(t + cross(t + p, x + e, x));   t <- norm(t + mlp t)
//   image    x <- norm(x + cross(x + e, t + p, t))
//
// Attention may be narrower than C.

import type { LayerMaker } from "../../nn/layer_maker.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { add } from "../../ops/add.ts";
import { addBias } from "../../ops/add_bias.ts";
import { reshape } from "../../ops/reshape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Attention } from "./attention.ts";
import { makeNorm } from "./make_norm.ts";
import type { AttentionDescription, MlpDescription, NormDescription } from "./block_description.ts";
import { Mlp } from "./mlp.ts";

/**
 * The configuration of two-way attention.
 *
 * @category Models
 */
export interface TwoWayDescription {
  /** C */
  readonly width: number;
  /** Among tokens. */
  readonly selfAttention: AttentionDescription;
  /** Between tokens and image. */
  readonly crossAttention: AttentionDescription;
  /** The MLP of tokens. */
  readonly mlp: MlpDescription;
  /** Every norm. */
  readonly norm: NormDescription;
}

/**
 * Tokens and an image.
 *
 * @category Models
 */
export interface TwoWayInput {
  /** [N, T, C] */
  readonly tokens: Tensor;
  /** [N, T, C] */
  readonly tokenPositions: Tensor;
  /** [N, S, C] */
  readonly image: Tensor;
  /** [S, C], the same for every image. */
  readonly imagePositions: Tensor;
}

/**
 * The half of a block that changes the tokens.
 *
 * @category Models
 */
export class TokenUpdate extends Module<TwoWayInput> {
  /** Among tokens. */
  readonly selfAttention: Attention;
  /** After self-attention. */
  readonly selfNorm: Layer;
  /** To the image. */
  readonly imageAttention: Attention;
  /** After attention to the image. */
  readonly imageNorm: Layer;
  /** The MLP. */
  readonly mlp: Mlp;
  /** After the MLP. */
  readonly mlpNorm: Layer;
  readonly #isFirst: boolean;

  /** The half with layers from `make`, of the first block or of a later one. */
  constructor(
    make: LayerMaker,
    description: TwoWayDescription,
    { index }: { readonly index: number },
  ) {
    super();
    const { width, selfAttention, crossAttention, mlp, norm } = description;
    const attention = (name: string, description: AttentionDescription) =>
      new Attention(make.within(name), { width, description });
    const normCalled = (name: string) => makeNorm(make, { name, width, norm });
    this.selfAttention = attention("selfAttention", selfAttention);
    this.selfNorm = normCalled("selfNorm");
    this.imageAttention = attention("imageAttention", crossAttention);
    this.imageNorm = normCalled("imageNorm");
    this.mlp = new Mlp(make.within("mlp"), { width, description: mlp });
    this.mlpNorm = normCalled("mlpNorm");
    this.#isFirst = index === 0;
  }

  /** The new tokens [N, T, C] */
  override async forward(input: TwoWayInput): Promise<Tensor> {
    const { tokens, tokenPositions } = input;
    const attended = await this.#selfAttended(tokens, tokenPositions);
    let t = await this.selfNorm.forward(attended);
    const fromImage = await attendedToImage(this.imageAttention, { ...input, tokens: t });
    t = await this.imageNorm.forward(add(t, fromImage));
    return await this.mlpNorm.forward(add(t, await this.mlp.forward({ x: t })));
  }

  async #selfAttended(tokens: Tensor, positions: Tensor): Promise<Tensor> {
    if (this.#isFirst) return await this.selfAttention.forward({ x: tokens });
    const x = add(tokens, positions);
    return add(tokens, await this.selfAttention.forward({ x, valueSource: tokens }));
  }
}

/**
 * The half of a block that changes the image.
 *
 * @category Models
 */
export class ImageUpdate extends Module<TwoWayInput> {
  /** To the tokens. */
  readonly attention: Attention;
  /** After attention. */
  readonly norm: Layer;

  /** The half with layers from `make`. */
  constructor(make: LayerMaker, { width, crossAttention, norm }: TwoWayDescription) {
    super();
    this.attention = new Attention(make.within("attention"), {
      width,
      description: crossAttention,
    });
    this.norm = makeNorm(make, { name: "norm", width, norm });
  }

  /** The new image [N, S, C] */
  override async forward(
    { tokens, tokenPositions, image, imagePositions }: TwoWayInput,
  ): Promise<Tensor> {
    const x = placed(image, imagePositions);
    const source = add(tokens, tokenPositions);
    const attended = await this.attention.forward({ x, source, valueSource: tokens });
    return await this.norm.forward(add(image, attended));
  }
}

/** What the tokens attend to in the image [N, T, C] */
export async function attendedToImage(
  attention: Attention,
  { tokens, tokenPositions, image, imagePositions }: TwoWayInput,
): Promise<Tensor> {
  const x = add(tokens, tokenPositions);
  const source = placed(image, imagePositions);
  return await attention.forward({ x, source, valueSource: image });
}

/** `image` [N, S, C] + positions [S, C] */
function placed(image: Tensor, positions: Tensor): Tensor {
  const { length } = positions;
  const rows = reshape(image, [image.shape[0], length]);
  return reshape(addBias(rows, reshape(positions, [length])), image.shape);
}
