import assert from "node:assert/strict";
import { conv1d, convTranspose1d } from "../../src/ops/conv1d.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  convolution,
  type ConvolutionSizes,
  transposedConvolution,
} from "../reference/convolution.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

const OPTIONS = { stride: 2, padding: 3, dilation: 2, groups: 2 };
const SIZES: ConvolutionSizes = {
  batch: 2,
  channels: 4,
  image: [1, 10],
  outChannels: 6,
  places: [1, 6],
  kernel: [1, 3],
  stride: [1, 2],
  padding: [0, 3],
  dilation: [1, 2],
  groups: 2,
};

testOnEachDevice("conv1d() agrees with its reference", async (device) => {
  await checkGradients(device, {
    shapes: [[2, 4, 10], [6, 2, 3], [6]],
    op: (x, weight, bias) => conv1d(x, weight, { ...OPTIONS, bias }),
    reference: (x, weight, bias) => convolution({ x, weight, bias }, SIZES),
  });
});

testOnEachDevice("convTranspose1d() agrees with its reference", async (device) => {
  await checkGradients(device, {
    shapes: [[2, 6, 6], [6, 2, 3], [4]],
    op: (x, weight, bias) => {
      const y = convTranspose1d(x, weight, { ...OPTIONS, outputPadding: 1, bias });
      assert.deepEqual(y.shape, [2, 4, 10]);
      return y;
    },
    reference: (x, weight, bias) => transposedConvolution({ x, weight, bias }, SIZES),
  });
});

testOnEachDevice("conv1d() and convTranspose1d() want three dims", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1, 2], { shape: [1, 2] });
  using weight = Tensor.from(device, [1], { shape: [1, 1, 1] });
  assert.throws(
    () => conv1d(x, weight),
    /conv1d\(\) wants x of \[B, C, T\] .* got one of \[1, 2\]/,
  );
  assert.throws(() => convTranspose1d(x, weight), /convTranspose1d\(\) wants x of \[B, C, T\]/);
});
