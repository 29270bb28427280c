// The kernels: name -> operands and parameters, in the order both devices take them.
//
// A kernel is written twice, as wgsl/<name>.wgsl (the three matmuls share theirs) and in rust_kernels/src, and judged by
// tests/reference/. `bindings` are whole storage buffers, `params` a block of 32-bit numbers;
// operands that may lie at an offset say so by an element offset among the parameters. WASM exports carry the kernel's
// name and take the bindings as pointers, then the parameters (a pointer to their words, where there is an operand
// `blocks`); how WebGPU dispatches a kernel stands in wgsl_stages.ts. "write" operands may also be read by the kernel.
//
// Legend: matrices are row-major; [r, c] is r rows of c columns; all data is f32 unless it says u32, or a parameter gives
// its storage type (storage_types.ts: f32, or f16 and bf16 two to a word).

import type { DeviceBuffer } from "./device.ts";

/** How a kernel uses an operand. */
type Access = "read" | "write";
/** 32-bit parameter formats. */
type ParamType = "u32" | "f32";

interface Kernel {
  readonly bindings: Readonly<Record<string, Access>>;
  readonly params: Readonly<Record<string, ParamType>>;
}

const matmul = {
  bindings: { a: "read", b: "read", bias: "read", out: "write" },
  params: {
    // So many matrices one after the other in a, b and out, each with the same bias.
    batch: "u32",
    m: "u32",
    n: "u32",
    k: "u32",
    // Of each of them only rows rowBegin <= row < rowEnd of `out` are computed.
    rowBegin: "u32",
    rowEnd: "u32",
    // n, or 0 for none (bind `device.empty`).
    biasLength: "u32",
    // 1: out += result, 0: out = result.
    accumulate: "u32",
  },
} as const;

const binary = {
  bindings: { a: "read", b: "read", out: "write" },
  params: { length: "u32" },
} as const;

const sums = {
  bindings: { x: "read", out: "write" },
  // accumulate 1: out += sums, 0: out = sums.
  params: { rows: "u32", cols: "u32", accumulate: "u32" },
} as const;

const activation = { bindings: { x: "read", out: "write" }, params: { length: "u32" } } as const;
const activationBackward = {
  bindings: { x: "read", dy: "read", dx: "write" },
  params: { length: "u32" },
} as const;

// A run of blocks (block_table.ts), and how many elements of each buffer the kernel may touch.
const blockRun = { firstBlock: "u32", numBlocks: "u32" } as const;
const tileRun = { ...blockRun, firstTile: "u32", numTiles: "u32", partialsLength: "u32" } as const;
const vectorRun = { ...blockRun, firstVector: "u32", numVectors: "u32" } as const;
// Elements of `grad`; its storage type (storage_types.ts). Likewise for the others.
const gradOperand = { gradType: "u32", gradLength: "u32" } as const;
const paramOperand = { paramType: "u32", paramLength: "u32" } as const;
const momentumOperand = { momentumType: "u32", momentumLength: "u32" } as const;
const step = {
  ...tileRun,
  ...gradOperand,
  ...paramOperand,
  factorsLength: "u32",
  // 1: 16-bit parameters are rounded up or down at random, with probabilities that make the mean exact.
  stochastic: "u32",
} as const;

const casting = {
  bindings: { x: "read", out: "write" },
  // Storage types by their numbers in storage_types.ts; offsets and length in elements, odd ones too.
  params: { fromType: "u32", toType: "u32", fromOffset: "u32", toOffset: "u32", length: "u32" },
} as const;

// q of [batch, queries, heads, dim]; k and v of [batch, keys, keyHeads, dim and valueDim]. Head h of the queries uses head
// floor(h / (heads / keyHeads)) of the keys. Query t sees key s where all of these hold:
//   causal 0, or s <= t;     window 0, or s > t - window;     masked 0, or keyMask[batch, s] != 0 (u32)
// score[t, s] = scale q[t] . k[s], where biased 1 plus bias[heads, s - t + queries - 1] of [heads, queries + keys - 1]
// share[t, s] = keptScale where mix(s ^ mix(mix(row ^ seedLow) ^ seedHigh)) >= threshold, else 0, of
//   row = (firstHead + batch allHeads + head) queries + t;     1 with threshold 0; mix is lowbias32
const attentionOperands = {
  q: "read",
  k: "read",
  v: "read",
  keyMask: "read",
  bias: "read",
} as const;
const attentionSizes = {
  batch: "u32",
  queries: "u32",
  keys: "u32",
  heads: "u32",
  // A divisor of heads.
  keyHeads: "u32",
  dim: "u32",
  valueDim: "u32",
  causal: "u32",
  window: "u32",
  // Where 0 bind `device.empty`.
  masked: "u32",
  biased: "u32",
  scale: "f32",
  seedLow: "u32",
  seedHigh: "u32",
  threshold: "u32",
  keptScale: "f32",
  firstHead: "u32",
  allHeads: "u32",
} as const;

/** Every kernel's operands and parameters, by name. */
export const kernels = {
  // out[m, n] = a[m, k] b[k, n] + bias[n]
  matmul_nn: matmul,
  // out[m, n] = a[m, k] b[n, k]^T + bias[n]
  matmul_nt: matmul,
  // out[m, n] = a[k, m]^T b[k, n] + bias[n]
  matmul_tn: matmul,

  // out = a + b
  add: binary,
  // out = a * b
  mul: binary,
  // out[rows, cols] = x[rows, cols] + bias[cols]
  add_bias: {
    bindings: { x: "read", bias: "read", out: "write" },
    params: { rows: "u32", cols: "u32" },
  },
  // out = factor * x
  scale: { bindings: { x: "read", out: "write" }, params: { length: "u32", factor: "f32" } },
  // out = factor[0] * x
  scale_by: { bindings: { x: "read", factor: "read", out: "write" }, params: { length: "u32" } },
  // out += factor * x
  accumulate: { bindings: { x: "read", out: "write" }, params: { length: "u32", factor: "f32" } },
  // out[offset .. offset + length] = value
  fill: { bindings: { out: "write" }, params: { offset: "u32", length: "u32", value: "f32" } },
  // out[toOffset + i] = x[fromOffset + i] for i < length. To 16 bits: rounded to the nearest, ties to even, infinity beyond
  // the largest, NaN made quiet, subnormals kept; from 16 bits: exact. Between operands stored alike bits are copied.
  cast: casting,
  // out[toOffset + i] += x[fromOffset + i] for i < length, summed in f32 and rounded as in cast
  accumulate_cast: casting,
  // out[r, toOffset + c] = x[r, fromOffset + c] for c < cols; rows of x are fromStride long, rows of out toStride
  copy_block: {
    bindings: { x: "read", out: "write" },
    params: {
      rows: "u32",
      cols: "u32",
      fromStride: "u32",
      fromOffset: "u32",
      toStride: "u32",
      toOffset: "u32",
    },
  },

  // out = x Phi(x), Phi the normal distribution function (exact GELU)
  gelu: { bindings: { x: "read", out: "write" }, params: { length: "u32" } },
  // dx = dy (Phi(x) + x phi(x))
  gelu_backward: { bindings: { x: "read", dy: "read", dx: "write" }, params: { length: "u32" } },

  // out = max(x, 0);  dx = dy where x > 0
  relu: activation,
  relu_backward: activationBackward,
  // out = x s(x), s(x) = 1 / (1 + e^-x);  dx = dy s (1 + x (1 - s))
  silu: activation,
  silu_backward: activationBackward,
  // out = x s(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3) (GELU by tanh);  dx = dy (s + x s (1 - s) dz/dx)
  gelu_tanh: activation,
  gelu_tanh_backward: activationBackward,
  // out = tanh x;  dx = dy (1 - tanh^2 x)
  hyperbolic_tangent: activation,
  hyperbolic_tangent_backward: activationBackward,

  // Of each row of x[rows, cols], with mean = mean_c x where centred, else 0, and rstd = 1 / sqrt(mean_c (x - mean)^2 + eps):
  //   out = (x - mean) rstd weight[cols] + bias[cols],  moments[r] = (mean, rstd)
  norm: {
    bindings: { x: "read", weight: "read", bias: "read", out: "write", moments: "write" },
    // biasLength is cols, or 0 for none (bind `device.empty`).
    params: { rows: "u32", cols: "u32", biasLength: "u32", eps: "f32", centred: "u32" },
  },
  // With h = (x - mean) rstd, g = dy weight:  dx = rstd (g - mean_c g - h mean_c (g h)), the first mean only where centred
  norm_backward: {
    bindings: { x: "read", weight: "read", dy: "read", moments: "read", dx: "write" },
    params: { rows: "u32", cols: "u32", centred: "u32" },
  },
  // dweight[cols] = sum over rows of dy (x - mean) rstd
  norm_weight_backward: {
    bindings: { x: "read", dy: "read", moments: "read", dweight: "write" },
    params: { rows: "u32", cols: "u32" },
  },

  // x[rows, dim], row r at position r / heads % positions; of each row the first rotaryDim features turn in pairs (a, b),
  // which are (i, i + rotaryDim / 2), or (2 i, 2 i + 1) where interleaved, by the angles [positions, rotaryDim / 2]:
  //   out = (a cos - b sign sin, a sign sin + b cos); sign -1 turns back
  rotary: {
    bindings: { x: "read", cos: "read", sin: "read", out: "write" },
    params: {
      rows: "u32",
      heads: "u32",
      positions: "u32",
      dim: "u32",
      rotaryDim: "u32",
      interleaved: "u32",
      sign: "f32",
    },
  },
  // out[i0, i1, i2, i3] = x[i0 stride0 + i1 stride1 + i2 stride2 + i3 stride3], out of [dim0, dim1, dim2, dim3]
  permute: {
    bindings: { x: "read", out: "write" },
    params: {
      dim0: "u32",
      dim1: "u32",
      dim2: "u32",
      dim3: "u32",
      stride0: "u32",
      stride1: "u32",
      stride2: "u32",
      stride3: "u32",
    },
  },
  // out[i] = scale x[i] where mix(mix(index ^ seedLow) ^ seedHigh) >= threshold, else 0; mix is lowbias32, and
  // index = first + floor(i / cols) rowLength + i % cols: rows of cols elements out of longer ones; cols from 1
  dropout: {
    bindings: { x: "read", out: "write" },
    params: {
      length: "u32",
      cols: "u32",
      rowLength: "u32",
      seedLow: "u32",
      seedHigh: "u32",
      first: "u32",
      threshold: "u32",
      scale: "f32",
    },
  },

  // out[t, d] = table[indices[t], d]; indices are u32 < numRows (checked on the host), or 0xffffffff for a row of zeros that
  // gets no gradient; table is stored as tableType
  embedding: {
    bindings: { table: "read", indices: "read", out: "write" },
    params: { count: "u32", width: "u32", numRows: "u32", tableType: "u32" },
  },
  // dtable[v, d] += sum of dy[t, d] over t with indices[t] = v, in the order of t on every device
  embedding_backward: {
    bindings: { indices: "read", dy: "read", dtable: "write" },
    params: { count: "u32", width: "u32", numRows: "u32" },
  },

  // out[r, c] = e^x[r, c] / sum_c e^x[r, c]
  softmax: { bindings: { x: "read", out: "write" }, params: { rows: "u32", cols: "u32" } },
  // dx[r, c] = y[r, c] (dy[r, c] - sum_c y[r, c] dy[r, c])
  softmax_backward: {
    bindings: { y: "read", dy: "read", dx: "write" },
    params: { rows: "u32", cols: "u32" },
  },

  // Over the keys s that query t sees, for every head:
  //   out[t] = sum_s softmax_s(score[t, s]) share[t, s] v[s]     lse[batch, heads, queries] = ln sum_s e^score[t, s]
  // both 0 for a query that sees no key
  attention: {
    bindings: { ...attentionOperands, out: "write", lse: "write" },
    params: attentionSizes,
  },
  // moments[batch, heads, 2, queries] = (lse, delta), delta[t] = dout[t] . out[t]
  attention_delta: {
    bindings: { dout: "read", out: "read", lse: "read", moments: "write" },
    params: { batch: "u32", queries: "u32", heads: "u32", valueDim: "u32" },
  },
  // With p = e^(score - lse) where t sees s, else 0, and ds = p (share dout[t] . v[s] - delta[t]):
  //   dq[t] = scale sum_s ds k[s]     dk[s] = scale sum_t ds q[t]     dv[s] = sum_t p share dout[t]
  // dk and dv are sums over the queries' heads that use theirs, in their order
  attention_backward: {
    bindings: {
      ...attentionOperands,
      dout: "read",
      moments: "read",
      dq: "write",
      dk: "write",
      dv: "write",
    },
    params: attentionSizes,
  },
  // dbias[heads, j] = sum of ds over the batch and all t and s with s - t + queries - 1 = j
  attention_bias_backward: {
    bindings: { ...attentionOperands, dout: "read", moments: "read", dbias: "write" },
    params: attentionSizes,
  },

  // losses[r] = logsumexp(logits[r, :]) - logits[r, targets[r]];  dlogits = gradScale (softmax(logits) - onehot);
  // both 0 in rows whose target is `ignored`
  softmax_cross_entropy: {
    bindings: { logits: "read", targets: "read", losses: "write", dlogits: "write" },
    params: { rows: "u32", cols: "u32", gradScale: "f32", ignored: "u32" },
  },

  // The same where the classes are split over ranks; this one has classes firstClass .. firstClass + numClasses as its first
  // columns, and pads behind them. statistics[rows, 3] = m, the largest of its logits; s, the sum of exps; and the target's
  // logit, 0 where it is not here.
  //   exps = exp(logits - m), 0 in pads
  split_softmax: {
    bindings: { logits: "read", targets: "read", exps: "write", statistics: "write" },
    params: { rows: "u32", cols: "u32", firstClass: "u32", numClasses: "u32" },
  },
  // statistics[ranks, rows, 3] of all ranks, M = the largest m, S = sum of s exp(m - M); dlogits holds exps and is overwritten:
  //   losses = log S + M - the target's logit;  dlogits = gradScale (exps exp(m - M) / S - onehot)
  split_cross_entropy: {
    bindings: { statistics: "read", targets: "read", losses: "write", dlogits: "write" },
    params: {
      rows: "u32",
      cols: "u32",
      firstClass: "u32",
      numClasses: "u32",
      rank: "u32",
      ranks: "u32",
      gradScale: "f32",
      ignored: "u32",
    },
  },

  // out[rows] (+)= sum over columns of x[rows, cols]
  row_sums: sums,
  // out[cols] (+)= sum over rows of x[rows, cols]
  column_sums: sums,

  // The passes of Adafactor over runs of blocks (block_table.ts has the records, their tiles, and the order of sums).
  // blocks, numbers and steps hold records (u32); sums, partials, moments and factors are f32; grad, param and momentum
  // have the storage type that the parameters tell. Every sum of squares is taken in f32 or better.
  //
  // partials of each tile: per row of the tile sum_j g^2, per column sum_i g^2, and the sum of both (see `partials`)
  adafactor_tile_sums: {
    bindings: { grad: "read", blocks: "read", partials: "write" },
    params: { ...tileRun, ...gradOperand },
  },
  // sums[rowSums ..], sums[colSums ..] and sums[totals ..] of each block from the partials of its tiles, parts added as
  // trees; slots of rows' parts that are not the block's are 0
  adafactor_join_sums: {
    bindings: { blocks: "read", partials: "read", sums: "write" },
    params: { ...vectorRun, partialsLength: "u32", sumsLength: "u32" },
  },
  // The slots of one scalar of each block, from its tiles' sums in partials, parts added as trees; slots of parts that are
  // not the block's are 0. `scalar` says which: 0 gradientSquares, 1 updateSquares, 2 paramSquares, 3 aligned.
  adafactor_join_scalar: {
    bindings: { blocks: "read", partials: "read", sums: "write" },
    params: { ...blockRun, scalar: "u32", partialsLength: "u32", sumsLength: "u32" },
  },
  // tiles' sums of p^2
  adafactor_tile_params: {
    bindings: { param: "read", blocks: "read", partials: "write" },
    params: { ...tileRun, ...paramOperand },
  },
  // guard[0] = 1 if gradientSquares of any block is NaN or infinite (by its exponent bits), else 0  (u32);
  // sums[slot] = factor min(1, maxNorm / |factor g|), |g|^2 the sum of all blocks' gradientSquares, in order of blocks
  adafactor_scale_gradients: {
    bindings: { blocks: "read", sums: "write", guard: "write" },
    params: {
      ...blockRun,
      slot: "u32",
      factor: "f32",
      maxNorm: "f32",
      sumsLength: "u32",
    },
  },
  // The running averages of each block, from sums over the whole parameter of gradients that count s = sums[gradientScale]
  // times; keep = 1 - take; nothing is written where guard[0] != 0. A total is the tree over its rowSlots.
  //   R <- keep R + take (s^2 rowSum / globalCols + eps1)     C <- keep C + take (s^2 colSum / globalRows + eps1)
  //   M <- keep M + take (s^2 total / (globalRows globalCols) + eps1)
  //   row factors = s rsqrt(R / max(M, meanFloor)), column factors = rsqrt(C), the cap = s factorCap
  // (under no root stands less than the smallest normal f32, so that all factors are finite)
  adafactor_averages: {
    bindings: {
      blocks: "read",
      numbers: "read",
      sums: "read",
      guard: "read",
      moments: "write",
      factors: "write",
    },
    params: {
      ...vectorRun,
      gradientScale: "u32",
      sumsLength: "u32",
      momentsLength: "u32",
      factorsLength: "u32",
    },
  },
  // tiles' sums of u^2, u = g min(rowFactor colFactor, cap)
  adafactor_tile_updates: {
    bindings: { grad: "read", blocks: "read", factors: "read", partials: "write" },
    params: { ...tileRun, ...gradOperand, factorsLength: "u32" },
  },
  // steps of each block (stepFields), from sums over the whole parameter; a scalar is the tree over its slots
  adafactor_step_sizes: {
    bindings: { blocks: "read", numbers: "read", sums: "read", steps: "write" },
    params: { ...blockRun, sumsLength: "u32" },
  },
  // p <- p - decay p - (a / d) u, and tiles' sums of the new p^2, as stored. Nothing of param is changed where
  // guard[0] != 0; the sums are taken all the same.
  adafactor_step: {
    bindings: {
      grad: "read",
      blocks: "read",
      factors: "read",
      steps: "read",
      guard: "read",
      param: "write",
      partials: "write",
    },
    params: step,
  },
  // As adafactor_step, with a running average:  momentum <- beta1 momentum + take u,  p <- p - decay p - over momentum
  // (the momentum as it is before it is rounded to its storage type)
  adafactor_step_momentum: {
    bindings: {
      grad: "read",
      blocks: "read",
      factors: "read",
      steps: "read",
      guard: "read",
      param: "write",
      momentum: "write",
      partials: "write",
    },
    params: { ...step, ...momentumOperand },
  },
  // A cautious step in two, as how many elements are aligned must be known before it is taken. First the momentum as in
  // adafactor_step_momentum, and tiles' counts of its elements (as stored) that have the sign of `take u`; where guard[0] != 0
  // nothing is changed and the counts are 0;
  adafactor_tile_momentum: {
    bindings: {
      grad: "read",
      blocks: "read",
      factors: "read",
      steps: "read",
      guard: "read",
      momentum: "write",
      partials: "write",
    },
    params: { ...tileRun, ...gradOperand, ...momentumOperand, factorsLength: "u32" },
  },
  // then as adafactor_step_momentum, but the momentum stays, and counts for nothing where it is not aligned
  adafactor_step_cautious: {
    bindings: {
      grad: "read",
      blocks: "read",
      factors: "read",
      steps: "read",
      guard: "read",
      param: "write",
      momentum: "read",
      partials: "write",
    },
    params: { ...step, ...momentumOperand },
  },
  // CAME (Luo et al. 2023):  momentum <- beta1 momentum + take u, and partials of (u / d - momentum)^2 as
  // adafactor_tile_sums has them of g^2; take and d of `steps`, the momentum as it is before it is rounded to its storage
  // type. Where guard[0] != 0 nothing is changed and they are 0.
  came_tile_sums: {
    bindings: {
      grad: "read",
      blocks: "read",
      factors: "read",
      steps: "read",
      guard: "read",
      momentum: "write",
      partials: "write",
    },
    params: { ...tileRun, ...gradOperand, ...momentumOperand, factorsLength: "u32" },
  },
} as const satisfies Record<string, Kernel>;

/** Name of a kernel. */
export type KernelName = keyof typeof kernels;

/** Buffers to bind, by operand name. */
export type KernelBindings<K extends KernelName> = {
  readonly [Operand in keyof (typeof kernels)[K]["bindings"]]: DeviceBuffer;
};

/** Parameter values, by name; u32 parameters must be integers from 0 to 2^32 - 1. */
export type KernelParams<K extends KernelName> = {
  readonly [Param in keyof (typeof kernels)[K]["params"]]: number;
};
