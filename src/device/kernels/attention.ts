// Self-attention with masks, windows, a bias by distance and dropout, and its gradients.
//
// q of [batch, queries, heads, dim]; k and v of [batch, keys, keyHeads, dim and valueDim]. Head h of the queries uses head
// floor(h / (heads / keyHeads)) of the keys. Query t sees key s where all of these hold:
//   causal 0, or s <= t;     window 0, or |s - t| < window;     masked 0, or keyMask[batch, s] != 0 (u32)
// score[t, s] = scale q[t] . k[s], where biased 1 plus bias[heads, s - t + queries - 1] of [heads, queries + keys - 1];
//   softCap 0, or softCap tanh(score[t, s] / softCap) instead
// share[t, s] = keptScale where mix(s ^ mix(mix(row ^ seedLow) ^ seedHigh)) >= threshold, else 0, of
//   row = (firstHead + batch allHeads + head) queries + t;     1 with threshold 0; mix is lowbias32

import {
  type Kernel,
  type Operand,
  type ParamFormat,
  type ParamValues,
  reads,
  writes,
} from "./kernel.ts";
import { rowwise } from "./shaders.ts";

const params = {
  batch: "u32",
  queries: "u32",
  keys: "u32",
  heads: "u32",
  // A divisor of heads.
  keyHeads: "u32",
  dim: "u32",
  valueDim: "u32",
  causal: "flag",
  window: "u32",
  // Where these are 0 bind `device.empty`.
  masked: "flag",
  biased: "flag",
  scale: "f32",
  softCap: "f32",
  seedLow: "u32",
  seedHigh: "u32",
  threshold: "u32",
  keptScale: "f32",
  firstHead: "u32",
  allHeads: "u32",
} as const satisfies Record<string, ParamFormat>;

/** Names of the parameters of attention and its gradients. */
export type AttentionParam = keyof typeof params;
type AttentionParams = ParamValues<AttentionParam>;

/** Operands that attention and its gradients read. */
export type AttentionInput = "q" | "k" | "v" | "keyMask" | "bias";

const queryRows = (p: AttentionParams) => p.batch * p.queries * p.heads;
const keyRows = (p: AttentionParams) => p.batch * p.keys * p.keyHeads;
const distances = (p: AttentionParams) => p.heads * Math.max(p.queries + p.keys - 1, 0);

const inputs: { readonly [O in AttentionInput]: Operand<AttentionParam> } = {
  q: reads("f32", (p) => queryRows(p) * p.dim),
  k: reads("f32", (p) => keyRows(p) * p.dim),
  v: reads("f32", (p) => keyRows(p) * p.valueDim),
  keyMask: reads("u32", (p) => p.masked === 0 ? 0 : p.batch * p.keys),
  bias: reads("f32", (p) => p.biased === 0 ? 0 : distances(p)),
};

/** The mask and the biases are read from their operands. */
const bound = { MASK: "attention_mask" };
/** They are read from scratch memory, to which `attention_pack` has copied both. */
const packed = { MASK: "attention_packed_mask" };

const rules = [headsFit, widthsFit];

/**
 * Over the keys s that query t sees, for every head:
 *   out[t] = sum_s softmax_s(score[t, s]) share[t, s] v[s]     lse[batch, heads, queries] = ln sum_s e^score[t, s]
 * both 0 for a query that sees no key
 */
export const attention: Kernel<AttentionInput | "out" | "lse", AttentionParam> = {
  operands: {
    ...inputs,
    out: writes("f32", (p) => queryRows(p) * p.valueDim),
    lse: writes("f32", queryRows),
  },
  params,
  rules,
  shader: {
    stages: [{
      source: "attention",
      entryPoint: "main",
      fragments: bound,
      workgroups: ({ batch, heads, queries }) => batch * heads * Math.ceil(queries / 32),
    }],
  },
};

/** moments[batch, heads, 2, queries] = (lse, delta), delta[t] = dout[t] . out[t] */
export const attention_delta: Kernel<
  "dout" | "out" | "lse" | "moments",
  "batch" | "queries" | "heads" | "valueDim"
> = {
  operands: {
    dout: reads("f32", (p) => p.batch * p.queries * p.heads * p.valueDim),
    out: reads("f32", (p) => p.batch * p.queries * p.heads * p.valueDim),
    lse: reads("f32", (p) => p.batch * p.queries * p.heads),
    moments: writes("f32", (p) => 2 * p.batch * p.queries * p.heads),
  },
  params: { batch: "u32", queries: "u32", heads: "u32", valueDim: "u32" },
  shader: rowwise(
    "attention_delta",
    ({ batch, queries, heads, valueDim }) => ({ rows: batch * queries * heads, cols: valueDim }),
  ),
};

/**
 * With p = e^(score - lse) where t sees s, else 0, and ds = p (share dout[t] . v[s] - delta[t]), with a softCap times 1 - (score / softCap)^2:
 *   dq[t] = scale sum_s ds k[s]     dk[s] = scale sum_t ds q[t]     dv[s] = sum_t p share dout[t]
 * dk and dv are sums over the queries' heads that use theirs, in their order
 */
export const attention_backward: Kernel<
  AttentionInput | "dout" | "moments" | "dq" | "dk" | "dv",
  AttentionParam
> = {
  operands: {
    ...inputs,
    dout: reads("f32", (p) => queryRows(p) * p.valueDim),
    moments: reads("f32", (p) => 2 * queryRows(p)),
    dq: writes("f32", (p) => queryRows(p) * p.dim),
    dk: writes("f32", (p) => keyRows(p) * p.dim),
    dv: writes("f32", (p) => keyRows(p) * p.valueDim),
  },
  params,
  rules,
  shader: {
    stages: [
      {
        source: "attention_query_gradients",
        entryPoint: "queryGradients",
        fragments: bound,
        binds: ["q", "k", "v", "keyMask", "bias", "dout", "moments", "dq"],
        workgroups: ({ batch, heads, queries }) => batch * heads * Math.ceil(queries / 32),
      },
      {
        source: "attention_pack",
        entryPoint: "main",
        binds: ["keyMask", "bias", "scratch"],
        workgroups: (p) => Math.ceil(packedWords(p) / 1024),
      },
      {
        source: "attention_key_gradients",
        entryPoint: "keyGradients",
        fragments: packed,
        binds: ["q", "k", "v", "dout", "moments", "dk", "dv", "scratch"],
        workgroups: ({ batch, keyHeads, keys }) => batch * keyHeads * Math.ceil(keys / 32),
      },
    ],
    scratch: { element: "u32", length: (p) => Math.max(1, packedWords(p)) },
  },
};

/** dbias[heads, j] = sum of ds over the batch and all t and s with s - t + queries - 1 = j */
export const attention_bias_backward: Kernel<
  AttentionInput | "dout" | "moments" | "dbias",
  AttentionParam
> = {
  operands: {
    ...inputs,
    dout: reads("f32", (p) => queryRows(p) * p.valueDim),
    moments: reads("f32", (p) => 2 * queryRows(p)),
    dbias: writes("f32", distances),
  },
  params,
  rules,
  shader: {
    stages: [
      {
        source: "attention_bias_backward",
        entryPoint: "diagonals",
        fragments: bound,
        binds: ["q", "k", "v", "keyMask", "bias", "dout", "moments", "scratch"],
        workgroups: tileDiagonals,
      },
      {
        source: "attention_bias_backward",
        entryPoint: "finish",
        fragments: bound,
        binds: ["dbias", "scratch"],
        workgroups: (p) => Math.ceil(distances(p) / 256),
      },
    ],
    scratch: { element: "f32", length: (p) => 63 * tileDiagonals(p) },
  },
};

/** Words of the mask and the biases, if used. */
function packedWords(p: AttentionParams): number {
  return p.masked * p.batch * p.keys + p.biased * distances(p);
}

/** Diagonals of tiles of 32 x 32, of all heads. */
function tileDiagonals({ queries, keys, heads }: AttentionParams): number {
  return heads * Math.max(Math.ceil(queries / 32) + Math.ceil(keys / 32) - 1, 0);
}

function headsFit({ heads, keyHeads }: AttentionParams): string | undefined {
  if (heads > 0 && keyHeads > 0 && heads % keyHeads === 0) return undefined;
  return `heads must be a multiple of keyHeads, both above 0, got ${heads} and ${keyHeads}`;
}

/** WebGPU invocations keep sums of at most MAX_HEAD_WIDTH elements in registers. */
function widthsFit({ dim, valueDim }: AttentionParams): string | undefined {
  const isWidth = (width: number) => width >= 1 && width <= MAX_HEAD_WIDTH;
  if (isWidth(dim) && isWidth(valueDim)) return undefined;
  return `dim and valueDim must be from 1 to ${MAX_HEAD_WIDTH}, got ${dim} and ${valueDim}`;
}

const MAX_HEAD_WIDTH = 256;
