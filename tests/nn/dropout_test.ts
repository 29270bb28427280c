import assert from "node:assert/strict";
import { Dropout } from "../../src/nn/dropout.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

const [ROWS, LENGTH, WIDTH] = [6, 5, 8];
const masks = { seed: 3, step: 2 };
const place = new Dropout({ probability: 0.3, site: 4 });

testOnEachDevice(
  "Dropout drops the same in parts of a batch and of features as in the whole",
  async (device) => {
    const values = Float32Array.from({ length: ROWS * LENGTH * WIDTH }, (_, i) => i + 1);
    using whole = Tensor.from(device, values, { shape: [ROWS, LENGTH, WIDTH] });
    const all = await dropped(whole, {});
    const rows = [2, 5];
    const [first, end] = rows.map((row) => row * LENGTH * WIDTH);
    using some = Tensor.from(device, values.subarray(first, end), { shape: [3, LENGTH, WIDTH] });
    assertSameBits(await dropped(some, { firstRow: 2 }), all.slice(first, end));
    const part = { begin: 3, count: WIDTH };
    const isInPart = (_: number, at: number) => at % WIDTH >= 3 && at % WIDTH < 5;
    using features = Tensor.from(device, values.slice(first, end).filter(isInPart), {
      shape: [3, LENGTH, 2],
    });
    const y = place.apply(features, { ...masks, firstRow: 2 }, part);
    assertSameBits(await y.data(), all.slice(first, end).filter(isInPart));
    y[Symbol.dispose]();
  },
);

testOnEachDevice("Dropout draws another mask for every seed, step and place", async (device) => {
  const length = 20_000;
  using ones = Tensor.from(device, new Float32Array(length).fill(1), { shape: [1, length] });
  const all = [
    await dropped(ones, {}),
    await dropped(ones, { seed: 4 }),
    await dropped(ones, { step: 3 }),
    await dropped(ones, {}, new Dropout({ probability: 0.3, site: 5 })),
  ];
  for (const [k, mask] of all.entries()) {
    // The kept elements have the expectation of all: five standard deviations of their mean.
    const mean = mask.reduce((a, b) => a + b) / length;
    assert.ok(Math.abs(mean - 1) < 5 * Math.sqrt(0.3 / 0.7 / length), `${mean}`);
    for (const other of all.slice(k + 1)) {
      const both = mask.filter((value, i) => value !== 0 && other[i] !== 0).length / length;
      assert.ok(Math.abs(both - 0.49) < 5 * Math.sqrt(0.25 / length), `${both}`);
    }
  }
  assertSameBits(await dropped(ones, {}), all[0]);
});

testOnEachDevice(
  "Dropout returns its input without masks, or with probability 0",
  async (device) => {
    using x = Tensor.from(device, [1, 2, 3], { shape: [1, 3] });
    assert.equal(place.apply(x, undefined), x);
    assert.equal(place.apply(x, { ...masks, probability: 0 }), x);
    using half = place.apply(x, { ...masks, probability: 0.5 });
    assert.ok((await half.data()).every((value, i) => value === 0 || value === 2 * (i + 1)));
  },
);

Deno.test("Dropout refuses numbers that are out of range", () => {
  assert.throws(() => new Dropout({ probability: 1, site: 0 }), /from 0 to below 1, got 1/);
  assert.throws(() => place.draw({ ...masks, probability: -1 }), /from 0 to below 1, got -1/);
  assert.throws(() => place.draw({ ...masks, seed: 0.5 }), /a seed from 0 to 4294967295, got 0.5/);
  assert.throws(() => place.draw({ ...masks, step: 2 ** 32 }), /a step from 0 to 4294967295/);
  assert.throws(() => place.draw({ ...masks, firstRow: -1 }), /a firstRow from 0, got -1/);
});

async function dropped(x: Tensor, other: object, where = place): Promise<Float32Array> {
  using y = where.apply(x, { ...masks, ...other });
  return await y.data();
}
