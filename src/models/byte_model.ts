// Guesses the next byte from the last few (Bengio et al. 2003, with bytes for words):
//
//   x [B, T] bytes -> e = embedding(x) [B, T D] -> h = GELU(W1 e + b1) [B, H] -> z = W2 h + b2 [B, Z] -> W3 z + b3 [B, 256]
//
// How its layers are spread over ranks stands in byte_model_parallel.ts.

import type { Device } from "../device/device.ts";
import { Embedding } from "../nn/embedding.ts";
import { Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import type { RandomSource } from "../nn/philox.ts";
import { gelu } from "../ops/gelu.ts";
import { reshape } from "../ops/reshape.ts";
import type { FloatType } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Bytes have this many values. */
export const NUM_BYTES = 256;

/** Sizes of a {@linkcode ByteModel}. */
export interface ByteModelSizes {
  /** T: how many bytes it looks back. */
  readonly context: number;
  /** D: features of one byte. */
  readonly embedding: number;
  /** H: hidden features, which tensor parallelism splits. */
  readonly hidden: number;
  /** Z: features that the output layer sees. */
  readonly bottleneck: number;
}

/** How a {@linkcode ByteModel} begins. */
export interface ByteModelOptions {
  readonly sizes: ByteModelSizes;
  /** Where initial values come from. */
  readonly random: RandomSource;
  /** How parameters are stored. Default: f32. */
  readonly dtype?: FloatType;
  /** How their gradients are stored. Default: as the parameters are. */
  readonly gradientDtype?: FloatType;
}

/** A layer in any placement. */
type Layer = Module<Tensor>;

/** A feed-forward language model over bytes. */
export class ByteModel extends Module<Tensor<"u32">> {
  readonly sizes: ByteModelSizes;
  readonly embedding: Embedding;
  up: Layer;
  down: Layer;
  output: Layer;

  constructor(device: Device, options: ByteModelOptions) {
    super();
    const { sizes, random, dtype = "f32", gradientDtype = dtype } = options;
    const made = { random, dtype, gradientDtype };
    const { context, embedding, hidden, bottleneck } = sizes;
    const linear = (inFeatures: number, outFeatures: number) =>
      new Linear(device, { inFeatures, outFeatures, ...made });
    this.sizes = sizes;
    this.embedding = new Embedding(device, {
      numEmbeddings: NUM_BYTES,
      embeddingDim: embedding,
      ...made,
    });
    this.up = linear(context * embedding, hidden);
    this.down = linear(hidden, bottleneck);
    this.output = linear(bottleneck, NUM_BYTES);
  }

  /** Contexts [B, T] -> logits [B, 256]. */
  override async forward(contexts: Tensor<"u32">): Promise<Tensor> {
    const { context, embedding } = this.sizes;
    const features = await this.embedding.forward(contexts);
    const flat = reshape(features, [contexts.shape[0], context * embedding]);
    const hidden = gelu(await this.up.forward(flat));
    return await this.output.forward(await this.down.forward(hidden));
  }
}
