import assert from "node:assert/strict";
import { Conv1d } from "../../src/nn/conv1d.ts";
import { Conv2d, ConvTranspose2d } from "../../src/nn/conv2d.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { conv1d } from "../../src/ops/conv1d.ts";
import { conv2d, convTranspose2d } from "../../src/ops/conv2d.ts";
import { sum } from "../../src/ops/sum.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

const CHANNELS = { inChannels: 4, outChannels: 6, groups: 2 };

testOnEachDevice(
  "layers of convolutions compute what their ops do with their settings",
  async (device) => {
    const random = new RandomSource(3);
    const settings = { stride: 2, padding: 1, dilation: 2 } as const;
    using rows = Tensor.from(device, values(4 * 9), { shape: [1, 4, 9] });
    using images = Tensor.from(device, values(4 * 9 * 7), { shape: [1, 4, 9, 7] });
    using one = new Conv1d(device, { ...CHANNELS, ...settings, kernelSize: 3, random });
    using two = new Conv2d(device, { ...CHANNELS, ...settings, kernelSize: [3, 2], random });
    using back = new ConvTranspose2d(device, {
      ...CHANNELS,
      ...settings,
      outputPadding: [1, 0],
      kernelSize: 3,
      random,
    });
    const laid = { ...settings, groups: 2 };
    for (
      const [layer, input, wanted] of [
        [one, rows, conv1d(rows, one.weight, { ...laid, bias: one.bias })],
        [two, images, conv2d(images, two.weight, { ...laid, bias: two.bias })],
        [
          back,
          images,
          convTranspose2d(images, back.weight, { ...laid, bias: back.bias, outputPadding: [1, 0] }),
        ],
      ] as const
    ) {
      using y = await layer.forward(input);
      assert.deepEqual(y.shape, wanted.shape);
      assertSameBits(await y.data(), await wanted.data());
      wanted[Symbol.dispose]();
      using loss = sum(await layer.forward(input));
      await loss.backward();
      assert.deepEqual([...layer.namedParameters().keys()], ["weight", "bias"]);
      for (const parameter of layer.parameters()) {
        assert.ok((await parameter.grad!.data()).some((value) => value !== 0));
      }
    }
  },
);

testOnEachDevice(
  "initial convolutions are uniform within the bounds of PyTorch's",
  async (device) => {
    const options = { ...CHANNELS, random: new RandomSource(1) };
    using forward = new Conv2d(device, { ...options, kernelSize: [5, 3] });
    using back = new ConvTranspose2d(device, { ...options, kernelSize: [5, 3], bias: false });
    assert.deepEqual(forward.weight.shape, [6, 2, 5, 3]);
    assert.deepEqual(back.weight.shape, [4, 3, 5, 3]);
    assert.equal(back.bias, undefined);
    for (const [{ weight }, fanIn] of [[forward, 2 * 15], [back, 3 * 15]] as const) {
      const largest = Math.max(...(await weight.data()).map(Math.abs));
      assert.ok(largest <= 1 / Math.sqrt(fanIn) && largest > 0.95 / Math.sqrt(fanIn));
    }
  },
);

testOnEachDevice("layers take existing parameters, in 16 bits too", async (device) => {
  const weight = new Parameter(device, [2], { shape: [1, 1, 1, 1], dtype: "bf16" });
  using layer = new Conv2d(device, { weight, stride: 2 });
  using x = Tensor.from(device, values(9), { shape: [1, 1, 3, 3] });
  using y = await layer.forward(x);
  const all = values(9);
  assertSameBits([...await y.data()], [0, 2, 6, 8].map((i) => 2 * all[i]));
});

testOnEachDevice("layers of convolutions refuse sizes that are not from 1", async (device) => {
  await Promise.resolve();
  const options = { ...CHANNELS, random: new RandomSource(1) };
  assert.throws(
    () => new Conv2d(device, { ...options, kernelSize: 0 }),
    /kernelSize to be an integer from 1, got 0/,
  );
  assert.throws(
    () => new Conv1d(device, { ...options, inChannels: 3, kernelSize: 1 }),
    /groups to divide inChannels 3, got 2/,
  );
});

/** Different in all places, and exact in 16 bits. */
function values(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (i * 7 % 13 - 6) / 4);
}
