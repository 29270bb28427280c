// Queries that see no real token: those of padding whose window holds padding alone. attention() gives them 0; transformers' eager
// attention masks by adding the least number, after which all its scores are alike, so it gives them the mean of all values. Nothing
// real depends on either, but logits at padding do, and these are to be transformers'.

import { add } from "../../ops/add.ts";
import { attention } from "../../ops/attention.ts";
import { mul } from "../../ops/mul.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** What queries see: as the options of `attention()`. */
export interface Sight {
  readonly visible: "all" | "causal";
  readonly window?: number | undefined;
  readonly keyMask?: Tensor<"u32"> | undefined;
}

/** `y` [B, T, H, F'], with the mean of all values in the rows of queries that see nothing. */
export function withBlindQueries(
  y: Tensor,
  { q, keys, values, ...sight }: Sight & {
    readonly q: Tensor;
    readonly keys: Tensor;
    readonly values: Tensor;
  },
): Tensor {
  const blind = blindQueries(q.shape[1], sight);
  if (blind === undefined) return y;
  const [batch, length] = q.shape;
  const rows = Tensor.from(y.device, blind, { shape: [batch, length, 1, 1] });
  rows.releaseWithGraph();
  const mean = attention(q, keys, values, { visible: "all", scale: 0 });
  return add(y, mul(rows, mean));
}

/** 1 for each of the queries [B, T] that sees nothing, else 0; undefined if all see something, or no key is masked. */
export function blindQueries(
  queries: number,
  { visible, window = Infinity, keyMask }: Sight,
): Float32Array<ArrayBuffer> | undefined {
  const mask = keyMask?.indices;
  if (keyMask === undefined || mask === undefined || !mask.includes(0)) return undefined;
  const [batch, keys] = keyMask.shape;
  const blind = new Float32Array(batch * queries);
  for (let row = 0; row < batch; row++) {
    /** How many of the first keys are real. */
    const real = new Uint32Array(keys + 1);
    for (let s = 0; s < keys; s++) real[s + 1] = real[s] + mask[row * keys + s];
    for (let t = 0; t < queries; t++) {
      const begin = Math.min(Math.max(0, t - window + 1), keys);
      const end = Math.min(visible === "causal" ? t + 1 : t + window, keys);
      if (real[end] === real[begin]) blind[row * queries + t] = 1;
    }
  }
  return blind.includes(1) ? blind : undefined;
}
