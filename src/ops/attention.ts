// Scaled dot-product attention (Vaswani et al. 2017), for every batch b and head h, kh = floor(h / (H / Hkv)):
//
//   score[t, s] = scale q[b, t, h] . k[b, s, kh] + bias[h, s - t + T - 1],   or c tanh(score[t, s] / c) of it
//   y[b, t, h]  = sum_s softmax_s(score[t, s]) v[b, s, kh],   over the keys s that query t sees
//
// No T x S matrix is stored (Dao et al. 2022): backward has q, k, v, y and one number per query, the logarithm of the sum of its
// softmax, from which the kernels compute the weights again. A key's gradient is summed over queries and heads in a fixed order: the
// same bits in every run.
//
// Dropout multiplies the softmax's weights by 0 or 1 / (1 - p) before they are applied to the values. Which weights are dropped
// depends only on the key of the dropout and on head, query and key: backward drops the same, and so do ranks that hold some of the
// heads.

import { checkOptions } from "../tensor/option_names.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { type DropoutMask, maskParameters } from "./dropout.ts";
import { checkFloats, checkSameDevice, checkU32, inF32 } from "./operands.ts";

/**
 * Options of {@linkcode attention}. Positions of queries and of keys both count from 0.
 *
 * @category Ops
 */
export interface AttentionOptions {
  /** The keys that a query attends to: all, or those at its own position and before. */
  readonly visible: "all" | "causal";
  /**
   * Only keys that are less than this far from the query's own position, |s - t| < window: with causal, this many keys up to it.
   * Default: all of them.
   */
  readonly window?: number;
  /** [B, S], 0 for keys that no query attends to (padding). Default: all are real. */
  readonly keyMask?: Tensor<"u32">;
  /** Multiplies q . k. Default: 1 / sqrt(D). */
  readonly scale?: number;
  /** c: with the bias added, a score is replaced by c tanh(score / c), which is between -c and c (Gemma 2). Default: it is not. */
  readonly softCap?: number | undefined;
  /**
   * [H, T + S - 1], added to the scaled product of query t and key s at index s - t + T - 1: a relative position bias (T5), or a
   * slope (ALiBi). Its gradient is summed over the batch and over positions at the same distance.
   */
  readonly bias?: FloatTensor;
  /** Randomly drops weights. Default: none are dropped. */
  readonly dropout?: AttentionDropout | undefined;
}

/**
 * Which weights are dropped, by their indices among the batches and heads of all ranks.
 *
 * @category Ops
 */
export interface AttentionDropout extends DropoutMask {
  /** Index of the first batch here. Default: 0. */
  readonly firstBatch?: number;
  /** Index of the first head here. Default: 0. */
  readonly firstHead?: number;
  /** Heads of all ranks. Default: H. */
  readonly allHeads?: number;
}
/**
 * Attention of queries `q` [B, T, H, D] over keys `k` [B, S, Hkv, D] and values `v` [B, S, Hkv, Dv]: [B, T, H, Dv]. Query head h uses
 * key head floor(h / (H / Hkv)). A query that attends to no key gives 0. Masked keys have weight 0, but their values must be finite.
 *
 * @throws {RangeError} if the shapes do not fit, H is no multiple of Hkv, a head is wider than 256, `window` is no integer from 1,
 *   `softCap` is not above 0, or the dropout is invalid.
 * @throws {TypeError} if the operands are on different devices.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { attention } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * // 1 batch, 3 positions, 2 heads of 2 features
 * const values = Float32Array.from({ length: 12 }, (_, k) => Math.sin(k));
 * using q = Tensor.from(device, values, { shape: [1, 3, 2, 2] });
 * using k = Tensor.from(device, values, { shape: [1, 3, 2, 2] });
 * using v = Tensor.from(device, values, { shape: [1, 3, 2, 2] });
 * using y = attention(q, k, v, { visible: "causal" });
 * console.log(y.shape); // [1, 3, 2, 2]
 * ```
 *
 * @category Ops
 */
export function attention(
  q: FloatTensor,
  k: FloatTensor,
  v: FloatTensor,
  options: AttentionOptions,
): Tensor {
  checkOptions("attention()", options, [
    "visible",
    "window",
    "keyMask",
    "scale",
    "softCap",
    "bias",
    "dropout",
  ]);
  const { keyMask, bias } = options;
  checkFloats("attention", bias === undefined ? { q, k, v } : { q, k, v, bias });
  if (keyMask !== undefined) checkU32("attention", "keyMask", keyMask);
  checkOperands(q, { ...options, k, v });
  const sizes = sizesOf(q, { ...options, k, v });
  const { device } = q;
  const { batch, queries, heads, valueDim } = sizes;
  const y = Tensor.empty(device, [batch, queries, heads, valueDim]);
  const lse = Tensor.empty(device, [batch, heads, queries]);
  inF32([q, k, v, bias], (q, k, v, bias) => {
    device.run("attention", {
      ...buffersOf({ q, k, v, keyMask, bias }),
      out: y.buffer,
      lse: lse.buffer,
    }, sizes);
  });
  return y.computedBy({
    op: "attention",
    inputs: bias === undefined ? [q, k, v] : [q, k, v, bias],
    saved: [lse],
    gradient: (dy, wanted) => {
      const moments = Tensor.empty(device, [batch, heads, 2, queries]);
      const gradients = inF32([q, k, v, bias], (q, k, v, bias) => {
        const operands = { ...buffersOf({ q, k, v, keyMask, bias }), dout: dy.buffer };
        device.run("attention_delta", {
          dout: dy.buffer,
          out: y.buffer,
          lse: lse.buffer,
          moments: moments.buffer,
        }, { batch, queries, heads, valueDim });
        const bound = { ...operands, moments: moments.buffer };
        const dBias = bias !== undefined && wanted[3]
          ? Tensor.empty(device, bias.shape)
          : undefined;
        if (dBias !== undefined) {
          device.run("attention_bias_backward", { ...bound, dbias: dBias.buffer }, sizes);
        }
        if (!wanted.slice(0, 3).includes(true)) return [undefined, undefined, undefined, dBias];
        const [dq, dk, dv] = [q, k, v].map(({ shape }) => Tensor.empty(device, shape));
        device.run("attention_backward", {
          ...bound,
          dq: dq.buffer,
          dk: dk.buffer,
          dv: dv.buffer,
        }, sizes);
        return [dq, dk, dv, dBias];
      });
      moments.release();
      // The kernel writes all three: those that are not wanted are released at once.
      return gradients.map((gradient, i) => {
        if (wanted[i]) return gradient;
        gradient?.release();
        return undefined;
      }).slice(0, wanted.length);
    },
  });
}

interface Operands<T> {
  readonly k: T;
  readonly v: T;
}

function buffersOf({ q, k, v, keyMask, bias }: Operands<Tensor> & {
  readonly q: Tensor;
  readonly keyMask: Tensor<"u32"> | undefined;
  readonly bias: Tensor | undefined;
}) {
  const { empty } = q.device;
  return {
    q: q.buffer,
    k: k.buffer,
    v: v.buffer,
    keyMask: keyMask?.buffer ?? empty,
    bias: bias?.buffer ?? empty,
  };
}

/** Parameters of the kernels. */
function sizesOf(
  q: FloatTensor,
  { k, v, visible, window, keyMask, bias, scale, softCap, dropout }:
    & Operands<FloatTensor>
    & AttentionOptions,
) {
  const [batch, queries, heads, dim] = q.shape;
  const [, keys, keyHeads] = k.shape;
  const { firstBatch = 0, firstHead = 0, allHeads = heads } = dropout ?? {};
  const { scale: keptScale, ...dropped } = maskParameters("attention", dropout ?? NO_DROPOUT);
  return {
    batch,
    queries,
    keys,
    heads,
    keyHeads,
    dim,
    valueDim: v.shape[3],
    causal: visible === "causal" ? 1 : 0,
    // A window as long as the sequence hides nothing.
    window: window === undefined || window >= Math.max(queries, keys) ? 0 : window,
    masked: keyMask === undefined ? 0 : 1,
    biased: bias === undefined ? 0 : 1,
    scale: scale ?? 1 / Math.sqrt(dim),
    softCap: softCap ?? 0,
    ...dropped,
    keptScale,
    allHeads,
    firstHead: (firstBatch * allHeads + firstHead) % 2 ** 32,
  };
}

function checkOperands(
  q: FloatTensor,
  { k, v, window, softCap, keyMask, bias }: Operands<FloatTensor> & AttentionOptions,
): void {
  const others = [k, v, keyMask, bias].filter((each) => each !== undefined);
  checkSameDevice("attention", q, ...others);
  const [batch, queries, heads, dim] = q.shape;
  const [, keys, keyHeads] = k.shape;
  const [valueDim] = v.shape.slice(-1);
  const fits = q.shape.length === 4 && sameShape(k.shape, [batch, keys, keyHeads, dim]) &&
    sameShape(v.shape, [batch, keys, keyHeads, valueDim]);
  if (!fits || dim === 0 || valueDim === 0 || dim > MAX_HEAD_WIDTH || valueDim > MAX_HEAD_WIDTH) {
    throw new RangeError(
      `attention() wants q of [B, T, H, D], k of [B, S, Hkv, D] and v of [B, S, Hkv, Dv], D and Dv from 1 to ${MAX_HEAD_WIDTH}, ` +
        `got ${[q, k, v].map(({ shape }) => formatShape(shape)).join(", ")}`,
    );
  }
  if (heads === 0 || keyHeads === 0 || heads % keyHeads !== 0) {
    throw new RangeError(
      `attention() wants the heads of q to be a multiple of those of k and v, got ${heads} and ${keyHeads}`,
    );
  }
  if (keyMask !== undefined && !sameShape(keyMask.shape, [batch, keys])) {
    throw new RangeError(
      `attention() wants a keyMask of [B, S] = ${formatShape([batch, keys])}, got ${
        formatShape(keyMask.shape)
      }`,
    );
  }
  const distances = queries + keys - 1;
  if (bias !== undefined && !sameShape(bias.shape, [heads, distances])) {
    throw new RangeError(
      `attention() wants a bias of [H, T + S - 1] = ${formatShape([heads, distances])}, got ${
        formatShape(bias.shape)
      }`,
    );
  }
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) {
    throw new RangeError(`attention() wants a window of 1 or more keys, got ${window}`);
  }
  if (softCap !== undefined && !(softCap > 0 && softCap < Infinity)) {
    throw new RangeError(`attention() wants a softCap above 0, got ${softCap}`);
  }
}

/** The widest head that the accumulators of the WebGPU kernel can hold. */
export const MAX_HEAD_WIDTH = 256;

const NO_DROPOUT: DropoutMask = { probability: 0, key: [0, 0] };
