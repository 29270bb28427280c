// Attention and its gradients, as the comments in src/device/kernels/ define them, with whole rows of scores.

import type { KernelParams } from "../../src/device/kernels/registry.ts";
import { mix } from "./dropout.ts";
import type { Reference, Values } from "./reference.ts";

type Sizes = KernelParams<"attention">;
type Operands = Pick<Values<"attention">, "q" | "k" | "v" | "keyMask" | "bias">;

export const attention: Reference<"attention"> = (operands, sizes) => {
  const { v, out, lse } = operands;
  const { queries, heads, valueDim } = sizes;
  for (const { b, h, t, place } of everyQuery(sizes)) {
    const scores = scoresOf(operands, sizes, { b, h, t });
    const largest = scores.reduce((max, { score }) => Math.max(max, score), -Infinity);
    const sum = scores.reduce((total, { score }) => total + Math.exp(score - largest), 0);
    lse[(b * heads + h) * queries + t] = scores.length === 0 ? 0 : largest + Math.log(sum);
    for (let d = 0; d < valueDim; d++) {
      out[place * valueDim + d] = 0;
      for (const { score, share, keyPlace } of scores) {
        out[place * valueDim + d]! += share * Math.exp(score - largest) / sum *
          v[keyPlace * valueDim + d]!;
      }
    }
  }
};

export const attentionDelta: Reference<"attention_delta"> = (
  { dout, out, lse, moments },
  { batch, queries, heads, valueDim },
) => {
  for (let row = 0; row < batch * queries * heads; row++) {
    const [h, t, b] = [
      row % heads,
      Math.floor(row / heads) % queries,
      Math.floor(row / heads / queries),
    ];
    const at = (b * heads + h) * 2 * queries + t;
    moments[at] = lse[(b * heads + h) * queries + t]!;
    moments[at + queries] = dot(dout, row * valueDim, out, row * valueDim, valueDim);
  }
};

export const attentionBackward: Reference<"attention_backward"> = (operands, sizes) => {
  const { q, k, dout, dq, dk, dv } = operands;
  const { dim, valueDim, scale } = sizes;
  const { batch, queries, keys, heads, keyHeads } = sizes;
  dq.fill(0, 0, batch * queries * heads * dim);
  dk.fill(0, 0, batch * keys * keyHeads * dim);
  dv.fill(0, 0, batch * keys * keyHeads * valueDim);
  for (const { place, keyPlace, left, ds } of everyPair(operands, sizes)) {
    for (let d = 0; d < dim; d++) {
      dq[place * dim + d]! += scale * ds * k[keyPlace * dim + d]!;
      dk[keyPlace * dim + d]! += scale * ds * q[place * dim + d]!;
    }
    for (let d = 0; d < valueDim; d++) {
      dv[keyPlace * valueDim + d]! += left * dout[place * valueDim + d]!;
    }
  }
};

export const attentionBiasBackward: Reference<"attention_bias_backward"> = (operands, sizes) => {
  const { queries, keys, heads } = sizes;
  const distances = Math.max(queries + keys - 1, 0);
  operands.dbias.fill(0, 0, heads * distances);
  for (const { h, t, s, ds } of everyPair(operands, sizes)) {
    operands.dbias[h * distances + s - t + queries - 1]! += ds;
  }
};

/** Every query of every head, and which row of `q` it is. */
function* everyQuery({ batch, queries, heads }: Sizes) {
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < queries; t++) {
      for (let h = 0; h < heads; h++) yield { b, h, t, place: (b * queries + t) * heads + h };
    }
  }
}

/** Every query with every key that it sees. */
function* everyPair(
  operands: Operands & Pick<Values<"attention_backward">, "dout" | "moments">,
  sizes: Sizes,
) {
  const { v, dout, moments } = operands;
  const { queries, heads, valueDim, softCap } = sizes;
  for (const { b, h, t, place } of everyQuery(sizes)) {
    const at = (b * heads + h) * 2 * queries + t;
    for (const { s, score, share, keyPlace } of scoresOf(operands, sizes, { b, h, t })) {
      const p = Math.exp(score - moments[at]!);
      const dp = dot(dout, place * valueDim, v, keyPlace * valueDim, valueDim);
      const slope = softCap === 0 ? 1 : 1 - (score / softCap) ** 2;
      const ds = p * (share * dp - moments[at + queries]!) * slope;
      yield { h, t, s, place, keyPlace, left: share * p, ds };
    }
  }
}

/** The keys that a query sees: their scores, dropout's factors of their weights, and which rows of `k` they are. */
function scoresOf(
  { q, k, keyMask, bias }: Operands,
  sizes: Sizes,
  { b, h, t }: { readonly b: number; readonly h: number; readonly t: number },
): { s: number; score: number; share: number; keyPlace: number }[] {
  const { seedLow, seedHigh, threshold, keptScale, firstHead, allHeads } = sizes;
  const row = (firstHead + b * allHeads + h) * sizes.queries + t;
  const rowKey = mix(mix(row ^ seedLow) ^ seedHigh);
  const { queries, keys, heads, keyHeads, dim, causal, window, masked, biased, scale, softCap } =
    sizes;
  const scores = [];
  for (let s = 0; s < keys; s++) {
    if (causal && s > t) continue;
    if (window && Math.abs(s - t) >= window) continue;
    if (masked && keyMask[b * keys + s] === 0) continue;
    const keyPlace = (b * keys + s) * keyHeads + Math.floor(h / (heads / keyHeads));
    const product = dot(q, ((b * queries + t) * heads + h) * dim, k, keyPlace * dim, dim);
    const added = biased ? bias[h * (queries + keys - 1) + s - t + queries - 1]! : 0;
    const share = threshold === 0 ? 1 : mix(s ^ rowKey) >= threshold ? keptScale : 0;
    const uncapped = scale * product + added;
    const score = softCap === 0 ? uncapped : softCap * Math.tanh(uncapped / softCap);
    scores.push({ s, score, share, keyPlace });
  }
  return scores;
}

function dot(a: Float64Array, aAt: number, b: Float64Array, bAt: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[aAt + i]! * b[bAt + i]!;
  return sum;
}
