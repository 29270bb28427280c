// Queries, keys and values from the output of one layer that computes all three, with H heads of queries, K of keys and values, G = H / K:
//
//   fused              [all H queries | all K keys | all K values]
//   fusedByKeyHead     [G queries, key, value | G queries, key, value | ...]        one group for each head of keys
//
// The layer may hold this rank's heads alone; or be whole on every rank while heads are split, which then takes its own queries, and the
// keys that they attend to.

import type { Range } from "../../distributed/layout.ts";
import { reshape } from "../../ops/reshape.ts";
import { slice } from "../../ops/slice.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { AttentionDescription } from "./block_description.ts";

/** Queries [B, T, H F], keys and values [B, T, K F]; `own` are this rank's features of queries, if heads are split. */
export function separated(
  qkv: Tensor,
  description: AttentionDescription,
  own: Range | undefined,
): readonly Tensor[] {
  const { numHeads, numKeyHeads, headWidth, projections } = description;
  const isWhole = qkv.shape.at(-1) === (numHeads + 2 * numKeyHeads) * headWidth;
  const heads = own === undefined || !isWhole ? undefined : headsOf(own, description);
  return projections === "fused"
    ? parts(qkv, description, heads)
    : partsByKeyHead(qkv, description, heads);
}

/** Heads of queries, and of keys. */
interface OwnHeads {
  readonly queries: Range;
  readonly keys: Range;
}

function headsOf(
  features: Range,
  { numHeads, numKeyHeads, headWidth }: AttentionDescription,
): OwnHeads {
  const queries = { begin: features.begin / headWidth, end: features.end / headWidth };
  const perKey = numHeads / numKeyHeads;
  const keys = {
    begin: Math.floor(queries.begin / perKey),
    end: Math.ceil(queries.end / perKey),
  };
  return { queries, keys };
}

function parts(
  qkv: Tensor,
  { numHeads, numKeyHeads, headWidth }: AttentionDescription,
  own: OwnHeads | undefined,
): readonly Tensor[] {
  const dim = qkv.shape.length - 1;
  const features = qkv.shape[dim];
  const perKeyHead = features / (numHeads / numKeyHeads + 2);
  const begins = [0, features - 2 * perKeyHead, features - perKeyHead];
  const ends = [...begins.slice(1), features];
  return begins.map((first, k) => {
    if (own === undefined) return slice(qkv, { dim, begin: first, end: ends[k] });
    const { begin, end } = k === 0 ? own.queries : own.keys;
    return slice(qkv, { dim, begin: first + begin * headWidth, end: first + end * headWidth });
  });
}

function partsByKeyHead(
  qkv: Tensor,
  { numHeads, numKeyHeads, headWidth }: AttentionDescription,
  own: OwnHeads | undefined,
): readonly Tensor[] {
  const [batch, length, features] = qkv.shape;
  const queriesPerKey = numHeads / numKeyHeads;
  const width = (queriesPerKey + 2) * headWidth;
  const all = reshape(qkv, [batch, length, features / width, width]);
  const groups = own === undefined ? all : slice(all, { dim: 2, ...own.keys });
  const ends = [queriesPerKey * headWidth, width - headWidth, width];
  const [query, ...others] = ends.map((end, k) => {
    const part = slice(groups, { dim: 3, begin: ends[k - 1] ?? 0, end });
    return reshape(part, [batch, length, part.shape[2] * part.shape[3]]);
  });
  if (own === undefined) return [query, ...others];
  const [begin, end] = [own.queries.begin, own.queries.end].map((head) =>
    (head - own.keys.begin * queriesPerKey) * headWidth
  );
  return [slice(query, { dim: 2, begin, end }), ...others];
}
