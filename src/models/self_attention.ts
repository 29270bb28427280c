// Self-attention of a decoder: x [B, T, D] -> [B, T, D], with H heads of F features and K heads of keys and values.
//
//   q [B, T, H, F], k and v [B, T, K, F] = layers of x        then norms and turns of q and k, where there are any
//   y = output(attention(q, k, v))                            heads one after the other in the last dim
//
// The number of heads is read off the layers' outputs, so that layers which hold some of the heads only (tensor parallelism)
// take the places of whole ones.

import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import { attention } from "../ops/attention.ts";
import { reshape } from "../ops/reshape.ts";
import { rotary, type RotaryAngles } from "../ops/rotary.ts";
import { slice } from "../ops/slice.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttentionDescription } from "./decoder_description.ts";

/** What a block is given. */
export interface BlockInput {
  /** [B, T, D] */
  readonly x: Tensor;
  /** [B, T], 1 for real tokens and 0 for padding. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** Turns of queries and keys; undefined where positions are learned. */
  readonly angles?: RotaryAngles | undefined;
}

/** Attention of every token to those before it. */
export class SelfAttention extends Module<BlockInput> {
  /** x -> queries, keys and values one after the other, where one layer gives all three. */
  qkv?: Layer;
  /** x -> queries, where they have a layer of their own. */
  query?: Layer;
  /** x -> keys. */
  key?: Layer;
  /** x -> values. */
  value?: Layer;
  /** Of each head of queries, where there is one. */
  queryNorm?: Layer;
  /** Of each head of keys. */
  keyNorm?: Layer;
  /** All heads -> [B, T, D] */
  output: Layer;
  readonly #description: AttentionDescription;

  /** For blocks of D features. */
  constructor(make: LayerMaker, { width, description }: {
    readonly width: number;
    readonly description: AttentionDescription;
  }) {
    super();
    const { numHeads, numKeyHeads, headWidth, storage, inputBias, headNormEps } = description;
    const project = (name: string, heads: number) =>
      make.linear(name, {
        ...{ inFeatures: width, outFeatures: heads * headWidth, bias: inputBias, storage },
      });
    this.#description = description;
    if (description.projections === "fused") {
      this.qkv = project("qkv", numHeads + 2 * numKeyHeads);
    } else {
      this.query = project("query", numHeads);
      this.key = project("key", numKeyHeads);
      this.value = project("value", numKeyHeads);
    }
    if (headNormEps !== undefined) {
      const norm = { features: headWidth, eps: headNormEps };
      this.queryNorm = make.rmsNorm("queryNorm", norm);
      this.keyNorm = make.rmsNorm("keyNorm", norm);
    }
    this.output = make.linear("output", {
      ...{ inFeatures: numHeads * headWidth, outFeatures: width, storage },
      ...{ bias: description.outputBias, deviation: description.outputDeviation },
    });
  }

  /** x [B, T, D] -> [B, T, D] */
  override async forward({ x, mask, angles }: BlockInput): Promise<Tensor> {
    const { window, scale } = this.#description;
    const [query, key, value] = (await this.#project(x)).map((each) => this.#inHeads(each));
    const q = turned(await normed(query, this.queryNorm), angles);
    const k = turned(await normed(key, this.keyNorm), angles);
    const y = attention(q, k, value, {
      visible: "causal",
      scale,
      ...(window === undefined ? {} : { window }),
      ...(mask === undefined ? {} : { keyMask: mask }),
    });
    const [batch, length, heads, headWidth] = y.shape;
    return await this.output.forward(reshape(y, [batch, length, heads * headWidth]));
  }

  /** Queries, keys and values of [B, T, heads * F]. */
  async #project(x: Tensor): Promise<readonly Tensor[]> {
    if (this.qkv === undefined) {
      const query = await this.query!.forward(x);
      return [query, await this.key!.forward(x), await this.value!.forward(x)];
    }
    const { numHeads, numKeyHeads } = this.#description;
    const qkv = await this.qkv.forward(x);
    const dim = qkv.shape.length - 1;
    const perKeyHead = qkv.shape[dim] / (numHeads / numKeyHeads + 2);
    const begins = [0, qkv.shape[dim] - 2 * perKeyHead, qkv.shape[dim] - perKeyHead];
    return begins.map((begin, k) =>
      slice(qkv, { dim, begin, end: begins[k + 1] ?? qkv.shape[dim] })
    );
  }

  #inHeads(x: Tensor): Tensor {
    const { headWidth } = this.#description;
    const [batch, length, features] = x.shape;
    return reshape(x, [batch, length, features / headWidth, headWidth]);
  }
}

async function normed(x: Tensor, norm: Layer | undefined): Promise<Tensor> {
  return norm === undefined ? x : await norm.forward(x);
}

function turned(x: Tensor, angles: RotaryAngles | undefined): Tensor {
  return angles === undefined ? x : rotary(x, { angles });
}
