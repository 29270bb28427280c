import assert from "node:assert/strict";
import { attention, type AttentionOptions } from "../../src/ops/attention.ts";
import { sum } from "../../src/ops/sum.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { attention as referenceAttention } from "../reference/attention.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

/** Sizes [B, T, S, H, Hkv, D, Dv] and options; `hidden` are masked positions of keys. */
const CASES: readonly {
  readonly what: string;
  readonly sizes: readonly [number, number, number, number, number, number, number];
  readonly options: Omit<AttentionOptions, "keyMask" | "bias">;
  readonly hidden?: readonly number[];
  readonly biased?: true;
}[] = [
  { what: "all keys", sizes: [2, 3, 5, 2, 2, 3, 2], options: { visible: "all" } },
  { what: "keys before it", sizes: [1, 6, 6, 2, 1, 3, 3], options: { visible: "causal" } },
  { what: "a window", sizes: [1, 7, 7, 1, 1, 2, 3], options: { visible: "causal", window: 3 } },
  {
    what: "a window on both sides",
    sizes: [1, 5, 7, 1, 1, 2, 3],
    options: { visible: "all", window: 3 },
  },
  {
    what: "keys with capped scores",
    sizes: [2, 6, 6, 2, 1, 3, 2],
    options: { visible: "causal", softCap: 0.5 },
    biased: true,
  },
  {
    what: "keys that are real, of which one batch has none",
    sizes: [2, 3, 4, 2, 1, 2, 2],
    options: { visible: "all" },
    hidden: [1, 4, 5, 6, 7],
  },
  {
    what: "keys by their distance",
    sizes: [2, 4, 3, 4, 2, 2, 3],
    options: { visible: "all", scale: 1 },
    biased: true,
  },
  {
    what: "keys of which some are dropped",
    sizes: [2, 5, 4, 4, 2, 2, 3],
    options: {
      visible: "all",
      dropout: { probability: 0.25, key: [1, 2], firstBatch: 3, firstHead: 2, allHeads: 7 },
    },
    biased: true,
  },
];

for (const { what, sizes, options, hidden = [], biased } of CASES) {
  const [batch, queries, keys, heads, keyHeads, dim, valueDim] = sizes;
  const mask = Array.from({ length: batch * keys }, (_, at) => hidden.includes(at) ? 0 : 1);
  const masked = hidden.length > 0;
  testOnEachDevice(`attention() to ${what} agrees with its reference`, async (device) => {
    using keyMask = Tensor.from(device, mask, { shape: [batch, keys], dtype: "u32" });
    await checkGradients(device, {
      shapes: [
        [batch, queries, heads, dim],
        [batch, keys, keyHeads, dim],
        [batch, keys, keyHeads, valueDim],
        ...(biased ? [[heads, queries + keys - 1]] : []),
      ],
      op: (q, k, v, bias) =>
        attention(q!, k!, v!, {
          ...options,
          ...(masked ? { keyMask } : {}),
          ...(bias === undefined ? {} : { bias }),
        }),
      reference: (q, k, v, bias = []) => {
        const out = new Float64Array(batch * queries * heads * valueDim);
        const [q64, k64, v64, keyMask, bias64] = [q!, k!, v!, mask, bias].map((each) =>
          Float64Array.from(each)
        );
        referenceAttention({
          q: q64!,
          k: k64!,
          v: v64!,
          keyMask: keyMask!,
          bias: bias64!,
          out,
          lse: new Float64Array(batch * heads * queries),
        }, {
          batch,
          queries,
          keys,
          heads,
          keyHeads,
          dim,
          valueDim,
          causal: options.visible === "causal" ? 1 : 0,
          window: options.window ?? 0,
          masked: masked ? 1 : 0,
          biased: biased ? 1 : 0,
          scale: options.scale ?? 1 / Math.sqrt(dim),
          softCap: options.softCap ?? 0,
          seedLow: 1,
          seedHigh: 2,
          keptScale: 4 / 3,
          threshold: options.dropout === undefined ? 0 : 2 ** 30,
          firstHead: 3 * 7 + 2,
          allHeads: 7,
        });
        return [...out];
      },
      tolerance: 1e-5,
    });
  });
}

testOnEachDevice(
  "attention() gives 0 and no gradient to a query without keys",
  async (device) => {
    const ones = { shape: [1, 2, 1, 2], requiresGrad: true };
    using q = Tensor.from(device, [1, 2, 3, 4], ones);
    using k = Tensor.from(device, [1, 2, 3, 4], ones);
    using v = Tensor.from(device, [1, 2, 3, 4], ones);
    // With causal, the first query attends to the first key only.
    using keyMask = Tensor.from(device, [0, 1], { shape: [1, 2], dtype: "u32" });
    using y = attention(q, k, v, { visible: "causal", keyMask });
    assertSameBits(await y.data(), [0, 0, 3, 4]);
    using loss = sum(y);
    await loss.backward();
    assertSameBits(await v.grad!.data(), [0, 0, 1, 1]);
    assertSameBits((await q.grad!.data()).subarray(0, 2), [0, 0]);
  },
);

testOnEachDevice("attention() stays exact for scores of a thousand", async (device) => {
  using q = Tensor.from(device, [1000], { shape: [1, 1, 1, 1] });
  using k = Tensor.from(device, [1, -1, 0.999], { shape: [1, 3, 1, 1] });
  using v = Tensor.from(device, [1, 2, 3], { shape: [1, 3, 1, 1] });
  using y = attention(q, k, v, { visible: "all" });
  const share = 1 / (1 + Math.exp(-1));
  assert.ok(Math.abs(await y.item() - (share + 3 * (1 - share))) < 1e-3);
});

testOnEachDevice("attention() passes NaN on only to queries that attend to it", async (device) => {
  using q = Tensor.from(device, [1, 1], { shape: [1, 2, 1, 1] });
  using k = Tensor.from(device, [1, NaN], { shape: [1, 2, 1, 1] });
  using v = Tensor.from(device, [5, 6], { shape: [1, 2, 1, 1] });
  using y = attention(q, k, v, { visible: "causal" });
  assertSameBits(await y.data(), [5, NaN]);
});

testOnEachDevice("attention() gives the same bits in every run", async (device) => {
  const values = (length: number, seed: number) =>
    Float32Array.from({ length }, (_, i) => Math.sin(seed + i * 1.7));
  const run = async () => {
    const shape = [1, 70, 4, 16];
    using q = Tensor.from(device, values(70 * 64, 1), { shape, requiresGrad: true });
    using k = Tensor.from(device, values(70 * 16, 2), {
      shape: [1, 70, 1, 16],
      requiresGrad: true,
    });
    using bias = Tensor.from(device, values(4 * 139, 3), { shape: [4, 139], requiresGrad: true });
    using loss = sum(attention(q, k, k, { visible: "causal", bias }));
    await loss.backward();
    return await Promise.all([q, k, bias].map(async ({ grad }) => await grad!.bytes()));
  };
  assertSameBits(await run(), await run());
});

testOnEachDevice("attention() refuses operands of wrong shapes", async (device) => {
  await Promise.resolve();
  const zeros = (...shape: number[]) => Tensor.empty(device, shape);
  using q = zeros(1, 2, 4, 3);
  using k = zeros(1, 5, 2, 3);
  const attend = (v: Tensor, options: Partial<AttentionOptions>) =>
    attention(q, k, v, { visible: "all", ...options });
  const refuses = (run: () => unknown, message: RegExp) =>
    assert.throws(run, { name: "RangeError", message });
  refuses(() => attend(zeros(1, 4, 2, 3), {}), /\[1, 2, 4, 3\], \[1, 5, 2, 3\], \[1, 4, 2, 3\]/);
  refuses(() => attend(zeros(1, 5, 2, 257), {}), /Dv from 1 to 256/);
  refuses(() => attend(k, { visible: "causal", window: 0 }), /window of 1 or more keys, got 0/);
  refuses(() => attend(k, { softCap: 0 }), /softCap above 0, got 0/);
  refuses(() => attend(k, { bias: zeros(4, 5) }), /\[H, T \+ S - 1\] = \[4, 6\], got \[4, 5\]/);
  using keyMask = Tensor.from(device, [1, 1], { dtype: "u32" });
  refuses(() => attend(k, { keyMask }), /\[B, S\] = \[1, 5\], got \[2\]/);
  using three = zeros(1, 5, 3, 3);
  refuses(
    () => attention(q, three, three, { visible: "all" }),
    /multiple of those of k and v, got 4 and 3/,
  );
});
