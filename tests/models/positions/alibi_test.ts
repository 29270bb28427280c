import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { alibiBias, alibiSlopes } from "../../../src/models/positions/alibi.ts";
import { attention } from "../../../src/ops/attention.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertClose } from "../../support/assert_close.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";

/** As `build_alibi_tensor` of transformers' BLOOM computes them. */
function bloomSlopes(heads: number): number[] {
  const closest = 2 ** Math.floor(Math.log2(heads));
  const base = 2 ** -(2 ** -(Math.log2(closest) - 3));
  const slopes = Array.from({ length: closest }, (_, i) => base ** (i + 1));
  if (closest === heads) return slopes;
  const extraBase = 2 ** -(2 ** -(Math.log2(2 * closest) - 3));
  const numRemaining = Math.min(closest, heads - closest);
  return [...slopes, ...Array.from({ length: numRemaining }, (_, i) => extraBase ** (1 + 2 * i))];
}

/** As `build_mpt_alibi_tensor` of transformers' MPT computes them. */
function mptSlopes(heads: number, maxBias: number): number[] {
  const power = 2 ** Math.ceil(Math.log2(heads));
  const slopes = Array.from({ length: power }, (_, i) => 2 ** -((i + 1) * maxBias / power));
  if (power === heads) return slopes;
  const odd = slopes.filter((_, i) => i % 2 === 1);
  const even = slopes.filter((_, i) => i % 2 === 0);
  return [...odd, ...even].slice(0, heads);
}

Deno.test("alibiSlopes() returns the slopes of BLOOM and MPT for any number of heads", () => {
  for (const heads of [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 71, 112]) {
    const slopes = alibiSlopes(heads);
    assert.equal(slopes.length, heads);
    assertClose(slopes, bloomSlopes(heads), SINGLE);
    assertClose(slopes, mptSlopes(heads, 8), SINGLE);
    assertClose(alibiSlopes(heads, { maxBias: 5 }), mptSlopes(heads, 5), SINGLE);
  }
  assert.deepEqual(alibiSlopes(4), [1 / 4, 1 / 16, 1 / 64, 1 / 256]);
  assert.deepEqual(alibiSlopes(3), [1 / 16, 1 / 256, 1 / 4]);
});

Deno.test("alibiBias() makes attention weights fall with distance, in all heads or in those of one rank", async () => {
  using device = wasmDevice();
  const [heads, queries, keys] = [3, 4, 6];
  using bias = alibiBias(device, { heads, queries, keys });
  const distances = queries + keys - 1;
  assert.deepEqual(bias.shape, [heads, distances]);
  const all = [...await bias.data()];
  all.forEach((value, at) => {
    const distance = Math.abs(at % distances - (queries - 1));
    assert.equal(value, 0 - alibiSlopes(heads)[Math.floor(at / distances)] * distance);
  });
  using own = alibiBias(device, { heads, queries, keys, own: { begin: 1, end: 3 } });
  assertSameBits(await own.data(), all.slice(distances));

  // Scores are 0 but for the bias, and values identify keys.
  using q = Tensor.from(device, new Float32Array(2 * 3), { shape: [1, 2, 3, 1] });
  using k = Tensor.from(device, new Float32Array(2 * 3), { shape: [1, 2, 3, 1] });
  using v = Tensor.from(device, [0, 0, 0, 1, 1, 1], { shape: [1, 2, 3, 1] });
  using causal = alibiBias(device, { heads, queries: 2 });
  using y = attention(q, k, v, { visible: "causal", bias: causal });
  const second = (await y.data()).slice(3);
  assertClose([...second], alibiSlopes(3).map((slope) => 1 / (1 + Math.exp(-slope))), SINGLE);
});

Deno.test("alibiBias() refuses invalid heads and positions", () => {
  using device = wasmDevice();
  assert.throws(() => alibiSlopes(0), /a number of heads from 1, got 0/);
  assert.throws(() => alibiBias(device, { heads: 2, queries: 0 }), /got 0 and 0/);
  const own = { begin: 1, end: 3 };
  assert.throws(() => alibiBias(device, { heads: 2, queries: 3, own }), /of 2, got 1 to 3/);
});

/** Slopes are computed in float64, and those of other code in steps. */
const SINGLE = { relative: 1e-6 };
