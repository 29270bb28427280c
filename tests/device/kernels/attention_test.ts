import type { KernelParams } from "../../../src/device/kernels/registry.ts";
import {
  attention,
  attentionBackward,
  attentionBiasBackward,
  attentionDelta,
} from "../../reference/attention.ts";
import { checkKernel, type HostValues } from "../../support/device/checked_kernel.ts";
import type { RandomValues } from "../../support/device/random_values.ts";

const tolerance = { relative: 1e-5, ofLargest: 1e-5 };

/** A quarter is dropped. */
const DROPPED = { seedLow: 0x9e3779b9, seedHigh: 5, threshold: 2 ** 30, keptScale: 4 / 3 };

/** [batch, queries, keys, heads, keyHeads, dim, valueDim] and what differs from plain attention. */
const CASES: readonly (readonly [readonly number[], Partial<Sizes>])[] = [
  [[1, 1, 1, 1, 1, 1, 1], {}],
  [[2, 5, 7, 2, 1, 3, 5], { masked: 1 }],
  [[1, 33, 33, 4, 2, 8, 8], { causal: 1 }],
  [[2, 64, 64, 2, 2, 64, 64], { causal: 1, masked: 1 }],
  [[1, 70, 5, 4, 1, 80, 64], { biased: 1 }],
  [[1, 5, 70, 2, 1, 64, 80], { biased: 1, masked: 1 }],
  [[2, 70, 70, 2, 1, 3, 8], { causal: 1, window: 5, biased: 1 }],
  [[1, 130, 130, 1, 1, 8, 1], { causal: 1, window: 40 }],
  [[1, 33, 70, 2, 2, 1, 3], { causal: 1, masked: 1, biased: 1 }],
  [[1, 70, 33, 2, 1, 16, 200], { window: 9 }],
  [[1, 3, 40, 1, 1, 256, 33], {}],
  [[1, 46, 124, 2, 1, 9, 13], { causal: 1 }],
  [[2, 45, 37, 4, 2, 9, 13], { ...DROPPED, firstHead: 13, allHeads: 9 }],
  [[1, 70, 70, 2, 1, 16, 16], { ...DROPPED, causal: 1, masked: 1, biased: 1 }],
  [[1, 70, 70, 1, 1, 5, 3], { ...DROPPED, causal: 1, window: 40, firstHead: 2 ** 32 - 1 }],
  [[2, 77, 100, 2, 2, 17, 33], { causal: 1, window: 24 }],
  [[2, 70, 70, 2, 1, 9, 13], { softCap: 2, causal: 1, masked: 1 }],
  [[1, 45, 37, 2, 2, 16, 16], { ...DROPPED, softCap: 5, biased: 1 }],
  [[1, 100, 140, 1, 1, 16, 16], { window: 20, softCap: 3 }],
  [[2, 200, 130, 2, 1, 8, 8], { window: 33, masked: 1 }],
  // One query, as of the next token of a text.
  [[2, 1, 70, 6, 2, 9, 13], { masked: 1, biased: 1 }],
  [[1, 1, 515, 3, 3, 64, 64], {}],
  [[2, 1, 5, 2, 1, 3, 5], { causal: 1, masked: 1 }],
  [[1, 1, 9, 2, 1, 3, 5], { window: 3 }],
  [[2, 1, 70, 4, 2, 9, 13], { softCap: 2, biased: 1, masked: 1 }],
  [[1, 1, 33, 2, 1, 8, 8], { ...DROPPED, biased: 1 }],
  [[1, 1, 0, 2, 1, 3, 3], {}],
  [[0, 5, 5, 2, 1, 3, 3], {}],
  [[2, 0, 5, 2, 1, 3, 3], { biased: 1 }],
  [[2, 5, 0, 2, 1, 3, 3], { masked: 1 }],
];

checkKernel("attention", {
  reference: attention,
  tolerance,
  cases: (random) =>
    CASES.map(([sizes, others]) => {
      const params = sizesOf(sizes, others);
      return { operands: { ...inputs(params, random), ...results(params, random) }, params };
    }),
});

checkKernel("attention_delta", {
  reference: attentionDelta,
  tolerance,
  cases: (random) =>
    CASES.map(([sizes]) => {
      const { batch, queries, heads, valueDim } = sizesOf(sizes, {});
      const rows = batch * queries * heads;
      return {
        operands: {
          dout: random.signed(rows * valueDim),
          out: random.signed(rows * valueDim),
          lse: random.signed(rows),
          moments: random.signed(2 * rows + 1),
        },
        params: { batch, queries, heads, valueDim },
      };
    }),
});

checkKernel("attention_backward", {
  reference: attentionBackward,
  tolerance,
  cases: (random) =>
    CASES.map(([sizes, others]) => {
      const params = sizesOf(sizes, others);
      const { keys, keyHeads, batch, dim, valueDim } = params;
      const operands = backwardInputs(params, random);
      return {
        operands: {
          ...operands,
          dq: random.signed(operands.q.length + 1),
          dk: random.signed(batch * keys * keyHeads * dim),
          dv: random.signed(batch * keys * keyHeads * valueDim),
        },
        params,
      };
    }),
});

checkKernel("attention_bias_backward", {
  reference: attentionBiasBackward,
  tolerance,
  cases: (random) =>
    CASES.map(([sizes, others]) => {
      const params = sizesOf(sizes, others);
      const dbias = random.signed(params.heads * (params.queries + params.keys - 1) + 1);
      return { operands: { ...backwardInputs(params, random), dbias }, params };
    }),
});

type Sizes = KernelParams<"attention">;

function sizesOf(sizes: readonly number[], others: Partial<Sizes>): Sizes {
  const [batch, queries, keys, heads, keyHeads, dim, valueDim] = sizes as Required<
    readonly [number, number, number, number, number, number, number]
  >;
  return {
    batch,
    queries,
    keys,
    heads,
    keyHeads,
    dim,
    valueDim,
    causal: 0,
    window: 0,
    masked: 0,
    biased: 0,
    scale: 1 / Math.sqrt(dim),
    softCap: 0,
    seedLow: 0,
    seedHigh: 0,
    threshold: 0,
    keptScale: 1,
    firstHead: 0,
    allHeads: heads,
    ...others,
  };
}

/** Every third key is hidden, and all keys of the last batch. */
function inputs(sizes: Sizes, random: RandomValues) {
  const { batch, queries, keys, heads, keyHeads, dim, valueDim } = sizes;
  const distances = Math.max(queries + keys - 1, 0);
  return {
    q: random.signed(batch * queries * heads * dim, 3),
    k: random.signed(batch * keys * keyHeads * dim, 3),
    v: random.signed(batch * keys * keyHeads * valueDim),
    keyMask: Uint32Array.from(
      { length: batch * keys },
      (_, at) => at % 3 === 1 || (batch > 1 && at >= (batch - 1) * keys) ? 0 : 1 + at,
    ),
    bias: random.signed(heads * distances, 2),
  };
}

function results({ batch, queries, heads, valueDim }: Sizes, random: RandomValues) {
  const rows = batch * queries * heads;
  return { out: random.signed(rows * valueDim + 1), lse: random.signed(rows + 1) };
}

/** With lse of a real forward pass, and an arbitrary delta: with the true one gradients vanish where there is one key. */
function backwardInputs(sizes: Sizes, random: RandomValues) {
  const operands = inputs(sizes, random);
  const { batch, queries, heads, valueDim } = sizes;
  const rows = batch * queries * heads;
  const lse = new Float64Array(rows);
  attention({
    q: exact(operands.q),
    k: exact(operands.k),
    v: exact(operands.v),
    keyMask: exact(operands.keyMask),
    bias: exact(operands.bias),
    out: new Float64Array(rows * valueDim),
    lse,
  }, sizes);
  const moments = random.signed(2 * rows);
  for (let head = 0; head < batch * heads; head++) {
    moments.set(lse.subarray(head * queries, (head + 1) * queries), 2 * head * queries);
  }
  return { ...operands, dout: random.signed(rows * valueDim), moments };
}

function exact(values: HostValues): Float64Array {
  return Float64Array.from(values);
}
