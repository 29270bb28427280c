// ALiBi's biases as features of queries and keys, whose products they are: so that a cache of keys holds them, and every token may have a
// position of its own. Up to what is the same for all keys of a query, a bias is the slope of the head times the position of the key:
//
//   scaled   scale q . k + slope p                    one feature more: slope / scale of a query, p of a key
//   bf16     scale (q . k + bf16(slope p))            G features, for G heads of queries to a head of keys: of a query 1 for its head, of a
//                                                     key the bias of each, of slopes and positions in bf16, too

import { constantNumbers } from "../../ops/constant.ts";
import { concat } from "../../ops/slice.ts";
import { roundedTo } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { alibiSlopes } from "./alibi.ts";

/** The heads of an attention layer, and where the keys are. */
export interface AlibiHeads {
  /** H: heads of queries of all ranks. */
  readonly numHeads: number;
  /** The first of this rank. */
  readonly first: number;
  /** Factor of scores. */
  readonly scale: number;
  /** How biases are added. Default: "scaled". */
  readonly alibi?: "scaled" | "bf16";
  /** The positions of the tokens [B, T]. */
  readonly positions: Uint32Array;
}

/** Queries [B, T, H, F] and keys [B, T, K, F], with features more. */
export function withAlibi(
  { q, keys }: { readonly q: Tensor; readonly keys: Tensor },
  { numHeads, first, scale, alibi = "scaled", positions }: AlibiHeads,
): { readonly q: Tensor; readonly keys: Tensor } {
  const [own, keyHeads] = [q.shape[2], keys.shape[2]];
  const slopes = alibiSlopes(numHeads).slice(first, first + own);
  if (alibi === "scaled") {
    return {
      q: withFeatures(q, 1, (_, head) => slopes[head] / scale),
      keys: withFeatures(keys, 1, (token) => positions[token]),
    };
  }
  const perKey = own / keyHeads;
  const bf16 = (value: number) => roundedTo("bf16", value);
  const rounded = slopes.map(bf16);
  const biasOf = (head: number, token: number) => bf16(rounded[head] * bf16(positions[token]));
  return {
    q: withFeatures(q, perKey, (_, head, j) => head % perKey === j ? 1 : 0),
    keys: withFeatures(keys, perKey, (token, head, j) => biasOf(head * perKey + j, token)),
  };
}

/** `x` [B, T, H, F] with `count` features more. */
function withFeatures(
  x: Tensor,
  count: number,
  feature: (token: number, head: number, index: number) => number,
): Tensor {
  const shape = x.shape.with(3, count);
  const heads = shape[2];
  const numbers = Float32Array.from(
    { length: shape.reduce((a, b) => a * b) },
    (_, at) => {
      const row = Math.floor(at / count);
      return feature(Math.floor(row / heads), row % heads, at % count);
    },
  );
  return concat([x, constantNumbers(x.device, numbers, shape)], { dim: 3 });
}
