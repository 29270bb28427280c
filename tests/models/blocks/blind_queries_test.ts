// Queries that see no real token, against plain loops over masks, and what attention gives them.

import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { blindQueries, withBlindQueries } from "../../../src/models/blocks/blind_queries.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { attention } from "../../../src/ops/attention.ts";
import { sum } from "../../../src/ops/sum.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertClose } from "../../support/assert_close.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";

Deno.test("blindQueries() finds the queries that plain loops find", () => {
  using device = wasmDevice();
  const stream = new RandomSource(3).stream();
  let at = 0;
  for (let round = 0; round < 200; round++) {
    const draw = (count: number) => Math.floor(stream.uniform(at++) * count);
    const [batch, queries, keys] = [1 + draw(3), 1 + draw(7), 1 + draw(7)];
    const visible = draw(2) === 0 ? "all" as const : "causal" as const;
    const window = draw(2) === 0 ? undefined : 1 + draw(4);
    const mask = Uint32Array.from({ length: batch * keys }, () => draw(3) === 0 ? 1 : 0);
    using keyMask = Tensor.from(device, mask, { shape: [batch, keys] });
    const expected = Array.from({ length: batch * queries }, (_, i) => {
      const [row, t] = [Math.floor(i / queries), i % queries];
      const sees = (s: number) =>
        mask[row * keys + s] === 1 && (visible === "all" || s <= t) &&
        (window === undefined || Math.abs(s - t) < window);
      return [...Array(keys).keys()].some(sees) ? 0 : 1;
    });
    const found = blindQueries(queries, { visible, window, keyMask });
    if (expected.includes(1) && mask.includes(0)) assert.deepEqual([...found!], expected);
    else assert.equal(found, undefined);
  }
});

testOnEachDevice("they get the mean of all values, and nothing is left behind", async (device) => {
  const values = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
  const shape = [1, 6, 2, 2];
  using q = Tensor.from(device, values, { shape, requiresGrad: true });
  using k = Tensor.from(device, values, { shape });
  using v = Tensor.from(device, values, { shape });
  using keyMask = Tensor.from(device, [1, 1, 0, 0, 0, 0], { dtype: "u32", shape: [1, 6] });
  const sight = { visible: "causal", window: 2, keyMask } as const;
  const before = device.statistics().liveBytes;
  {
    using plain = attention(q, k, v, sight);
    const wanted = await plain.data();
    using y = withBlindQueries(attention(q, k, v, sight), { q, keys: k, values: v, ...sight });
    const got = await y.data();
    // Query 2 sees key 1; those from 3 on see nothing.
    assertSameBits(got.subarray(0, 12), wanted.subarray(0, 12));
    for (let at = 12; at < 24; at++) {
      const own = [...values.keys()].filter((i) => i % 4 === at % 4).map((i) => values[i]);
      const mean = own.reduce((a, b) => a + b) / own.length;
      assertClose([got[at]], [mean], { ofLargest: 1e-6, largest: 1, name: `${at}` });
    }
    using loss = sum(y);
    await loss.backward();
    q.grad = undefined;
  }
  assert.equal(device.statistics().liveBytes, before);
});
