// Multi-head latent attention (DeepSeek-V2, 2024, section 2.1): keys and values of all heads are computed from R compressed features of a
// token, so that a cache holds these instead. With H heads, whose queries and keys have N features without position and P that are
// rotated, and whose values have V:
//
//   q [B, T, H, N + P]                    layer of x, or of norm(queryDown x); its last P features are rotated
//   c [B, T, R], r [B, T, P]              both halves of keyValueDown x: c is normalized, r is rotated
//   k [B, T, H, N], v [B, T, H, V]        layer of c; the key of head h is [k_h, r], with the same r for all heads
//   y = output(attention(q, [k, r], v))
//
// A cache holds c and r of every token: R + P numbers, where keys and values have H (N + P + V). For the next token, the query is
// multiplied by the weights of the keys instead of every c, and the mean of c by those of the values:
//
//   q_h . (K_h c) = (K_h^T q_h) . c                   sum_s w_s V_h c_s = V_h (sum_s w_s c_s)
//
// Layers of some of the heads can replace `query`, `keyValue` and `output` (tensor parallelism): c and r are the same on every rank.

import type { ProcessGroup } from "../../distributed/group.ts";
import type { Dropout } from "../../nn/dropout.ts";
import type { LayerMaker } from "../../nn/layer_maker.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { copyToGroup } from "../../nn/parallel/group_exchanges.ts";
import { add } from "../../ops/add.ts";
import { attention } from "../../ops/attention.ts";
import { batchedMatmul } from "../../ops/batched_matmul.ts";
import { constantNumbers } from "../../ops/constant.ts";
import { permute } from "../../ops/permute.ts";
import { repeat } from "../../ops/repeat.ts";
import { reshape } from "../../ops/reshape.ts";
import { scale } from "../../ops/scale.ts";
import { concat, slice } from "../../ops/slice.ts";
import { softmax } from "../../ops/softmax.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { AttendedKeys } from "../cache/cached_pass.ts";
import type { AttentionInput } from "./attention.ts";
import { headDropout, inHeads, releasing, rotated } from "./attention_steps.ts";
import type { LatentAttentionDescription } from "./block_description.ts";

/**
 * Self-attention whose keys and values are computed from a few compressed features of a token.
 *
 * @category Models
 */
export class LatentAttention extends Module<AttentionInput> {
  /** Its configuration. */
  readonly description: LatentAttentionDescription;
  /** x -> compressed queries, if they are compressed. */
  readonly queryDown: Layer | undefined;
  /** The norm of compressed queries. */
  readonly queryNorm: Layer | undefined;
  /** x, or compressed queries -> queries of all heads [B, T, H (N + P)] */
  query: Layer;
  /** x -> compressed keys and values, and the shared part of keys [B, T, R + P] */
  readonly keyValueDown: Layer;
  /** The norm of compressed keys and values. */
  readonly keyValueNorm: Layer;
  /** Compressed keys and values -> those of all heads [B, T, H (N + V)], the key of a head before its value. */
  keyValue: Layer & { readonly weight: Parameter };
  /** The ranks that have some of the heads each, over which the gradient of the shared part of keys is summed. */
  sharedBy?: ProcessGroup;
  /** The output layer: all heads -> [B, T, D] */
  output: Layer;
  readonly #dropout: Dropout | undefined;

  /** Attention for blocks of D features. */
  constructor(make: LayerMaker, { width, description }: {
    readonly width: number;
    readonly description: LatentAttentionDescription;
  }) {
    super();
    const { numHeads, queryRank, rank, plainWidth, rotatedWidth, valueWidth } = description;
    const { downBias, outputBias, normEps: eps, outputDeviation } = description;
    const up = (name: string, inFeatures: number, headWidth: number) =>
      make.linear(name, { inFeatures, outFeatures: numHeads * headWidth, bias: false });
    const down = (name: string, outFeatures: number) =>
      make.linear(name, { inFeatures: width, outFeatures, bias: downBias });
    this.description = description;
    this.#dropout = make.dropout(description.dropout);
    this.queryDown = queryRank === undefined ? undefined : down("queryDown", queryRank);
    this.queryNorm = queryRank === undefined
      ? undefined
      : make.rmsNorm("queryNorm", { features: queryRank, eps });
    this.query = up("query", queryRank ?? width, plainWidth + rotatedWidth);
    this.keyValueDown = down("keyValueDown", rank + rotatedWidth);
    this.keyValueNorm = make.rmsNorm("keyValueNorm", { features: rank, eps });
    this.keyValue = up("keyValue", rank, plainWidth + valueWidth);
    this.output = make.linear("output", {
      inFeatures: numHeads * valueWidth,
      outFeatures: width,
      bias: outputBias,
      deviation: outputDeviation,
    });
  }

  /** x [B, T, D] -> [B, T, D] @throws {TypeError} if it is given a source or a bias, which it does not support */
  override async forward(input: AttentionInput): Promise<Tensor> {
    if (input.source !== undefined || input.bias !== undefined || input.positions !== undefined) {
      throw new TypeError(
        "Latent attention is self-attention with rotary positions: leave source, bias and positions out",
      );
    }
    const { cache } = input;
    const q = await this.#queries(input);
    const latents = await this.#latents(input);
    cache?.store(this, latents);
    const y = cache === undefined || cache.isFirst
      ? await this.#attendExpanded(q, latents, input)
      : this.#attendLatent(releasing(q, [latents.keys, latents.values]), cache.attended(this));
    const [batch, length, heads, valueWidth] = y.shape;
    return await this.output.forward(reshape(y, [batch, length, heads * valueWidth]));
  }

  /** [B, T, H, N + P] */
  async #queries({ x, angles }: AttentionInput): Promise<Tensor> {
    const { plainWidth: begin, rotatedWidth, rotaryPairs: pairs } = this.description;
    const { queryDown, queryNorm } = this;
    const source = queryDown === undefined
      ? x
      : await queryNorm!.forward(await queryDown.forward(x));
    const q = inHeads(await this.query.forward(source), begin + rotatedWidth);
    return rotated(q, { angles, pairs, begin });
  }

  /** What a cache holds: as keys r [B, T, 1, P], as values c [B, T, 1, R]. */
  async #latents({ x, angles }: AttentionInput): Promise<Latents> {
    const { rank, rotatedWidth, rotaryPairs: pairs } = this.description;
    const both = await this.keyValueDown.forward(x);
    const part = (begin: number, end: number) => slice(both, { dim: 2, begin, end });
    const [compressed, own] = [part(0, rank), part(rank, rank + rotatedWidth)];
    both.discard();
    const label = `r of ${this.keyValue.weight.name}`;
    const shared = this.sharedBy === undefined
      ? own
      : copyToGroup(own, { group: this.sharedBy, label });
    return {
      keys: rotated(inHeads(shared, rotatedWidth), { angles, pairs }),
      values: inHeads(await this.keyValueNorm.forward(compressed), rank),
    };
  }

  /** Attention among the tokens of this pass: [B, T, H, V] */
  async #attendExpanded(
    q: Tensor,
    { keys: shared, values: compressed }: Latents,
    { mask, dropout }: AttentionInput,
  ): Promise<Tensor> {
    const { plainWidth, valueWidth, scale, numHeads: allHeads } = this.description;
    const [batch, length, heads] = q.shape;
    const latents = reshape(compressed, [batch, length, compressed.shape[3]]);
    const both = inHeads(await this.keyValue.forward(latents), plainWidth + valueWidth);
    const own = slice(both, { dim: 3, begin: 0, end: plainWidth });
    const values = slice(both, { dim: 3, begin: plainWidth, end: plainWidth + valueWidth });
    both.discard();
    const keys = concat([own, inAllHeads(shared, heads)], { dim: 3 });
    own.discard();
    return attention(q, keys, values, {
      visible: "causal",
      scale,
      ...(mask === undefined ? {} : { keyMask: mask }),
      dropout: headDropout(this.#dropout, dropout, {
        heads,
        allHeads,
        valueWidth,
        output: this.output,
      }),
    });
  }

  /** Attention of one token of each text to all that is cached, whose keys and values are not computed: [B, 1, H, V] */
  #attendLatent(q: Tensor, { keys, values, keyMask }: AttendedKeys): Tensor {
    const { plainWidth, rotatedWidth, valueWidth, rank } = this.description;
    const [batch, , heads] = q.shape;
    const slots = keys.shape[1];
    const [shared, latents] = [keys, values].map((each) =>
      reshape(each, [batch, slots, each.shape[3]])
    );
    const weight = reshape(this.keyValue.weight, [heads, plainWidth + valueWidth, rank]);
    const part = (x: Tensor, begin: number, end: number) =>
      slice(x, { dim: x.shape.length - 1, begin, end });
    const byHead = permute(reshape(q, [batch, heads, plainWidth + rotatedWidth]), [1, 0, 2]);
    // Zeros instead of slices of the weight: copying those would take longer.
    const zeros = new Float32Array(heads * batch * valueWidth);
    const widened = concat([
      part(byHead, 0, plainWidth),
      constantNumbers(q.device, zeros, [heads, batch, valueWidth]),
    ], { dim: 2 });
    const ofLatents = permute(batchedMatmul(widened, weight), [1, 0, 2]);
    const rotating = permute(part(byHead, plainWidth, plainWidth + rotatedWidth), [1, 0, 2]);
    const scores = scale(
      add(
        batchedMatmul(ofLatents, latents, { b: "transposed" }),
        batchedMatmul(rotating, shared, { b: "transposed" }),
      ),
      this.description.scale,
    );
    const seen = keyMask === undefined ? scores : add(scores, hidingOf(keyMask, heads));
    const mean = permute(batchedMatmul(softmax(seen), latents), [1, 0, 2]);
    const y = batchedMatmul(mean, weight, { b: "transposed" });
    const ofValues = permute(part(y, plainWidth, plainWidth + valueWidth), [1, 0, 2]);
    return reshape(ofValues, [batch, 1, heads, valueWidth]);
  }
}

type Latents = Pick<AttendedKeys, "keys" | "values">;

/** [B, T, 1, P] -> [B, T, H, P] */
function inAllHeads(x: Tensor, heads: number): Tensor {
  const [batch, length, , width] = x.shape;
  const copies = repeat(x, heads);
  const flat = permute(reshape(copies, [heads, batch * length, width]), [1, 0, 2]);
  return reshape(flat, [batch, length, heads, width]);
}

/** [B, H, S], -infinity for the keys that a mask [B, S] hides, else 0. */
function hidingOf(keyMask: Tensor<"u32">, heads: number): Tensor {
  const [batch, slots] = keyMask.shape;
  const seen = keyMask.indices!;
  const hiding = Float32Array.from(
    { length: batch * heads * slots },
    (_, at) => seen[Math.floor(at / slots / heads) * slots + at % slots] === 0 ? -Infinity : 0,
  );
  return constantNumbers(keyMask.device, hiding, [batch, heads, slots]);
}
