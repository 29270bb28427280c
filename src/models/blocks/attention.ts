// Self-attention and cross-attention: x [B, T, D] -> [B, T, D], with H heads of F features and K heads of keys and values.
//
//   q [B, T, H, F] = layer of x;  k and v [B, S, K, F] = layers of the source: x, or an encoder's output
//   q and k are normalized and rotated, if the description says so, or get features more for ALiBi or the places of a grid
//   y = output(attention(q, k, v))                            heads are concatenated in the last dim
//
// With a cache, keys and values of the tokens before are taken from it; those of an encoder's output are computed once.
//
// In training, weights of the softmax may be dropped. The number of heads follows from the layers' outputs, so layers that hold only
// some of the heads (tensor parallelism) can replace whole ones.

import type { Dropout, DropoutMasks } from "../../nn/dropout.ts";
import { inputPartOf, inputRangeOf } from "../../nn/parallel/input_part.ts";
import type { LayerMaker } from "../../nn/layer_maker.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { attention } from "../../ops/attention.ts";
import { reshape } from "../../ops/reshape.ts";
import type { RotaryAngles } from "../../ops/rotary.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { withAlibi } from "../positions/alibi_features.ts";
import { GridPositions } from "../positions/grid_positions.ts";
import type { CachedPass } from "../cache/cached_pass.ts";
import { headDropout, inHeads, releasing, rotated } from "./attention_steps.ts";
import type { AttentionDescription } from "./block_description.ts";
import { withBlindQueries } from "./blind_queries.ts";
import { separated } from "./fused_projections.ts";
import { makeHeadNorm } from "./make_norm.ts";
import { attendedPlaces, countWindows, fromWindows, toWindows, windowsOf } from "./grid_windows.ts";

/**
 * Input of {@linkcode Attention}.
 *
 * @category Models
 */
export interface AttentionInput {
  /** [B, T, D] */
  readonly x: Tensor;
  /** [B, S, D]: the input of keys and values, or "cached" if an earlier pass stored those in the cache. Default: x. */
  readonly source?: Tensor | "cached" | undefined;
  /** [B, S, D]: the input of values, where it is not that of keys; only without a cache. Default: the source. */
  readonly valueSource?: Tensor | undefined;
  /** [B, S], 1 for real tokens of the source and 0 for padding. Default: all are real. */
  readonly mask?: Tensor<"u32"> | undefined;
  /** Rotation angles of queries and keys; undefined for other encodings of positions. */
  readonly angles?: RotaryAngles | undefined;
  /** The positions of the tokens x [B, T], for ALiBi. */
  readonly positions?: Uint32Array | undefined;
  /** [H, T + S - 1]: added to the score of query t and key s at s - t + T - 1. Default: no bias. */
  readonly bias?: Tensor | undefined;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
  /** The keys and values of the tokens before. Default: x holds all tokens. */
  readonly cache?: CachedPass | undefined;
}

/**
 * Multi-head attention with its linear layers.
 *
 * @category Models
 */
export class Attention extends Module<AttentionInput> {
  /** Its configuration. */
  readonly description: AttentionDescription;
  /** x -> queries, keys and values, if one layer computes all three. */
  qkv?: Layer;
  /** x -> queries, otherwise. */
  query?: Layer;
  /** Source -> keys, otherwise. */
  key?: Layer;
  /** Source -> values, otherwise. */
  value?: Layer;
  /** The norm of each head of queries, if there is one. */
  queryNorm?: Layer;
  /** The norm of each head of keys, if there is one. */
  keyNorm?: Layer;
  /** The relative positions of a grid, if there are any. */
  gridPositions?: GridPositions;
  /** The output layer: all heads -> [B, T, D] */
  output: Layer;
  readonly #dropout: Dropout | undefined;

  /** Attention for blocks of D features. */
  constructor(make: LayerMaker, { width, description }: {
    readonly width: number;
    readonly description: AttentionDescription;
  }) {
    super();
    const { numHeads, numKeyHeads, headWidth, storage, inputBias, headNorm } = description;
    const { keyBias = inputBias } = description;
    const { queryDeviation = make.deviation, sourceWidth = width } = description;
    const project = (
      name: string,
      heads: number,
      { inFeatures = width, deviation = make.deviation, bias = inputBias } = {},
    ) =>
      make.linear(name, {
        inFeatures,
        outFeatures: heads * headWidth,
        bias,
        storage,
        deviation,
      });
    this.description = description;
    this.#dropout = make.dropout(description.dropout);
    if (description.projections !== "separate") {
      this.qkv = project("qkv", numHeads + 2 * numKeyHeads);
    } else {
      this.query = project("query", numHeads, { deviation: queryDeviation });
      this.key = project("key", numKeyHeads, { inFeatures: sourceWidth, bias: keyBias });
      this.value = project("value", numKeyHeads, { inFeatures: sourceWidth });
    }
    if (headNorm !== undefined) {
      const norm = { headWidth, norm: headNorm };
      this.queryNorm = makeHeadNorm(make, { name: "queryNorm", heads: numHeads, ...norm });
      this.keyNorm = makeHeadNorm(make, { name: "keyNorm", heads: numKeyHeads, ...norm });
    }
    const { grid, scale } = description;
    if (grid?.relativePositions) {
      const { rows, columns } = attendedPlaces(grid);
      const options = { rows, columns, headWidth, scale };
      this.gridPositions = new GridPositions(make.within("gridPositions"), options);
    }
    this.output = make.linear("output", {
      inFeatures: numHeads * headWidth,
      outFeatures: width,
      storage,
      bias: description.outputBias,
      deviation: description.outputDeviation,
    });
  }

  /** x [B, T, D] -> [B, T, D] */
  override async forward(input: AttentionInput): Promise<Tensor> {
    const windows = windowsOf(this.description.grid);
    if (windows === undefined) return await this.#attend(input);
    return fromWindows(await this.#attend({ ...input, x: toWindows(input.x, windows) }), windows);
  }

  async #attend(input: AttentionInput): Promise<Tensor> {
    const { mask, bias } = input;
    const { scale, softCap, numHeads: allHeads, headWidth: valueWidth, grid } = this.description;
    const windows = windowsOf(grid);
    const { q, keys, values, keyMask = mask, visible, window } = input.cache === undefined
      ? await this.#projected(input)
      : await this.#cached(input, input.cache);
    const attended = attention(q, keys, values, {
      visible,
      scale,
      softCap,
      ...(window === undefined ? {} : { window }),
      ...(keyMask === undefined ? {} : { keyMask }),
      ...(bias === undefined ? {} : { bias }),
      dropout: headDropout(this.#dropout, input.dropout, {
        heads: q.shape[2],
        allHeads,
        valueWidth,
        perRow: windows === undefined ? 1 : countWindows(windows),
        output: this.output,
      }),
    });
    const y = withBlindQueries(attended, { q, keys, values, visible, window, keyMask });
    const [batch, length, heads] = y.shape;
    return await this.output.forward(reshape(y, [batch, length, heads * valueWidth]));
  }

  /** Queries, and the keys and values of the same pass. */
  async #projected(
    { x, source = x, valueSource, positions, ...input }: AttentionInput,
  ): Promise<Operands> {
    const { visible = "causal", window, rotaryPairs: pairs, isRotated = true } = this.description;
    const angles = isRotated ? input.angles : undefined;
    if (source === "cached") throw new TypeError('The source "cached" needs a cache');
    const projected = await this.#project(x, source, valueSource);
    const [query, key] = projected;
    const values = this.#inHeads(projected[2]);
    const q = rotated(await this.#normalized(query, this.queryNorm), { angles, pairs });
    const keys = rotated(await this.#normalized(key, this.keyNorm), { angles, pairs });
    if (this.gridPositions !== undefined) {
      const placed = this.gridPositions.withPlaces(keys);
      return { q: await this.gridPositions.forward(q), keys: placed, values, visible, window };
    }
    if (positions === undefined) return { q, keys, values, visible, window };
    const first = (inputPartOf(this.output)?.begin ?? 0) / this.description.headWidth;
    return {
      ...withAlibi({ q, keys }, { ...this.description, positions, first }),
      values,
      visible,
      window,
    };
  }

  /** Queries, and keys and values of this pass and of those before. */
  async #cached(input: AttentionInput, cache: CachedPass): Promise<Operands> {
    if (input.source !== undefined) return await this.#cachedSource(input, cache);
    const own = await this.#projected(input);
    cache.store(this, own, own.window);
    // All that is stored is at the token's position or before, and within its window.
    if (cache.isFirst) return own;
    return { q: releasing(own.q, [own.keys, own.values]), ...cache.attended(this), visible: "all" };
  }

  /** Queries, and keys and values of an encoder's output, which only the first pass computes. */
  async #cachedSource(
    { x, source = x, mask }: AttentionInput,
    cache: CachedPass,
  ): Promise<Operands> {
    const { keys, values, mask: keyMask } = await cache.source(this, async () => {
      if (source === "cached") throw new TypeError('The first pass needs a source, got "cached"');
      const [keys, values] = [await this.key!.forward(source), await this.value!.forward(source)];
      const normed = await this.#normalized(keys, this.keyNorm);
      return { keys: normed, values: this.#inHeads(values), mask };
    });
    const q = await this.#normalized(await this.query!.forward(x), this.queryNorm);
    return { q, keys, values, keyMask, visible: "all" };
  }

  /** [B, T, H F] -> [B, T, H, F], normalized if there is a norm. */
  async #normalized(x: Tensor, norm: Layer | undefined): Promise<Tensor> {
    if (norm === undefined) return this.#inHeads(x);
    return this.description.headNorm?.heads === "together"
      ? this.#inHeads(await norm.forward(x))
      : await norm.forward(this.#inHeads(x));
  }

  /** Queries [B, T, H * F], and keys and values [B, S, K * F]. */
  async #project(
    x: Tensor,
    source: Tensor,
    valueSource: Tensor = source,
  ): Promise<readonly Tensor[]> {
    if (this.qkv === undefined) {
      const query = await this.query!.forward(x);
      return [query, await this.key!.forward(source), await this.value!.forward(valueSource)];
    }
    const qkv = await this.qkv.forward(x);
    const parts = separated(qkv, this.description, inputRangeOf(this.output));
    qkv.discard();
    return parts;
  }

  #inHeads(x: Tensor): Tensor {
    return inHeads(x, this.description.headWidth);
  }
}

/** The operands of attention. */
interface Operands {
  readonly q: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
  /** Default: the mask of the input. */
  readonly keyMask?: Tensor<"u32"> | undefined;
  readonly visible: "causal" | "all";
  readonly window?: number | undefined;
}
