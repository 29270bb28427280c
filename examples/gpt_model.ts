// A GPT of layers of one's own: embeddings, causal self-attention, feed-forward networks and residual connections.
// byte_gpt.ts trains it.

import { add, type Device, Embedding, gelu, LayerNorm, Linear } from "@meshfactor/adafactor";
import { Module, Sequential, type Tensor } from "@meshfactor/adafactor";
import { attention, reshape, slice, split } from "@meshfactor/adafactor/nn";

/** Sizes of a {@linkcode Gpt}. */
export interface GptSizes {
  readonly vocabulary: number;
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  readonly blocks: number;
}

class Block extends Module {
  readonly norm: LayerNorm;
  readonly queryKeyValue: Linear;
  readonly output: Linear;
  readonly feedForward: Sequential;

  constructor(device: Device, private readonly sizes: GptSizes) {
    super();
    const { width } = sizes;
    const linear = (inFeatures: number, outFeatures: number) =>
      new Linear(device, { inFeatures, outFeatures });
    this.norm = new LayerNorm(device, { features: width });
    this.queryKeyValue = linear(width, 3 * width);
    this.output = linear(width, width);
    this.feedForward = new Sequential([
      new LayerNorm(device, { features: width }),
      linear(width, 4 * width),
      gelu,
      linear(4 * width, width),
    ]);
  }

  /** [B, T, width] -> [B, T, width] */
  override async forward(x: Tensor): Promise<Tensor> {
    const { width, heads } = this.sizes;
    const [batch, length] = x.shape;
    const all = await this.queryKeyValue.forward(await this.norm.forward(x));
    const [q, k, v] = split(all, { lengths: [width, width, width], dim: -1 })
      .map((part) => reshape(part, [batch, length, heads, width / heads]));
    const mixed = attention(q, k, v, { visible: "causal" });
    const y = add(x, await this.output.forward(reshape(mixed, [batch, length, width])));
    return add(y, await this.feedForward.forward(y));
  }
}

/** Tokens [B, T], T up to the context -> logits of the token after each, [B, T, vocabulary]. */
export class Gpt extends Module<Tensor<"u32">> {
  readonly tokens: Embedding;
  readonly positions: Embedding;
  readonly blocks: readonly Block[];
  readonly norm: LayerNorm;
  readonly head: Linear;

  constructor(device: Device, sizes: GptSizes) {
    super();
    const { vocabulary, context, width: embeddingDim } = sizes;
    this.tokens = new Embedding(device, { numEmbeddings: vocabulary, embeddingDim });
    this.positions = new Embedding(device, { numEmbeddings: context, embeddingDim });
    this.blocks = Array.from({ length: sizes.blocks }, () => new Block(device, sizes));
    this.norm = new LayerNorm(device, { features: embeddingDim });
    this.head = new Linear(device, { inFeatures: embeddingDim, outFeatures: vocabulary });
  }

  override async forward(tokens: Tensor<"u32">): Promise<Tensor> {
    const positions = slice(this.positions.weight, { dim: 0, begin: 0, end: tokens.shape[1] });
    let x = add(await this.tokens.forward(tokens), positions); // [B, T, width] + [T, width]
    for (const block of this.blocks) x = await block.forward(x);
    return await this.head.forward(await this.norm.forward(x));
  }
}
