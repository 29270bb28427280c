import assert from "node:assert/strict";
import {
  conv2d,
  type Conv2dOptions,
  convTranspose2d,
  type ConvTranspose2dOptions,
} from "../../src/ops/conv2d.ts";
import { sum } from "../../src/ops/sum.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  convolution,
  type ConvolutionSizes,
  transposedConvolution,
} from "../reference/convolution.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

const ONE: ConvolutionSizes = {
  batch: 1,
  channels: 1,
  image: [1, 1],
  outChannels: 1,
  places: [1, 1],
  kernel: [1, 1],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
};

/** How a convolution is used, with all sizes written out, the images that follow from the places too. */
const CASES: Readonly<Record<string, ConvolutionSizes>> = {
  "a single number": ONE,
  "several images and channels": {
    ...ONE,
    batch: 3,
    channels: 3,
    image: [5, 4],
    outChannels: 2,
    kernel: [3, 2],
    places: [3, 3],
  },
  padding: { ...ONE, image: [4, 3], kernel: [3, 3], padding: [1, 2], places: [4, 5] },
  "strides that leave a rest": {
    ...ONE,
    batch: 2,
    image: [8, 7],
    kernel: [3, 2],
    stride: [2, 3],
    places: [3, 2],
  },
  patches: {
    ...ONE,
    channels: 3,
    image: [4, 6],
    outChannels: 5,
    kernel: [2, 2],
    stride: [2, 2],
    places: [2, 3],
  },
  dilation: {
    ...ONE,
    channels: 2,
    image: [7, 8],
    kernel: [3, 2],
    dilation: [2, 3],
    places: [3, 5],
  },
  groups: {
    ...ONE,
    batch: 2,
    channels: 4,
    image: [3, 4],
    outChannels: 6,
    kernel: [2, 2],
    places: [2, 3],
    groups: 2,
  },
  "a kernel of each channel": {
    ...ONE,
    channels: 3,
    image: [4, 4],
    outChannels: 3,
    kernel: [3, 3],
    padding: [1, 1],
    places: [4, 4],
    groups: 3,
  },
  everything: {
    batch: 2,
    channels: 4,
    image: [9, 8],
    outChannels: 2,
    kernel: [2, 3],
    stride: [3, 2],
    padding: [2, 1],
    dilation: [2, 3],
    groups: 2,
    places: [4, 2],
  },
};

for (const [name, sizes] of Object.entries(CASES)) {
  const { batch, channels, image, outChannels, places, kernel } = sizes;
  const { groups, stride, padding, dilation } = sizes;
  const options = { groups, stride, padding, dilation };
  const shapes = [
    [batch, channels, ...image],
    [outChannels, channels / groups, ...kernel],
    [outChannels],
  ];
  testOnEachDevice(`conv2d() of ${name} agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes,
      op: (x, weight, bias) => conv2d(x, weight, { ...options, bias }),
      reference: (x, weight, bias) => convolution({ x, weight, bias }, sizes),
    });
    await checkGradients(device, {
      shapes: shapes.slice(0, 2),
      op: (x, weight) => conv2d(x, weight, options),
      reference: (x, weight) => convolution({ x, weight }, sizes),
    });
  });
  testOnEachDevice(`convTranspose2d() of ${name} agrees with its reference`, async (device) => {
    // What the convolution does not reach at the bottom and the right.
    const rest = (dim: 0 | 1) =>
      image[dim] + 2 * padding[dim] - dilation[dim] * (kernel[dim] - 1) - 1 -
      (places[dim] - 1) * stride[dim];
    const transposed = { ...options, outputPadding: [rest(0), rest(1)] as const };
    await checkGradients(device, {
      shapes: [[batch, outChannels, ...places], shapes[1], [channels]],
      op: (x, weight, bias) => convTranspose2d(x, weight, { ...transposed, bias }),
      reference: (x, weight, bias) => transposedConvolution({ x, weight, bias }, sizes),
    });
    await checkGradients(device, {
      shapes: [[batch, outChannels, ...places], shapes[1]],
      op: (x, weight) => convTranspose2d(x, weight, transposed),
      reference: (x, weight) => transposedConvolution({ x, weight }, sizes),
    });
  });
}

testOnEachDevice("one number of an option is for height and width", async (device) => {
  using x = Tensor.from(device, [1, 2, 3, 4, 5, 6, 7, 8, 9], { shape: [1, 1, 3, 3] });
  using weight = Tensor.from(device, [1], { shape: [1, 1, 1, 1] });
  using y = conv2d(x, weight, { stride: 2, padding: 1 });
  assert.deepEqual(y.shape, [1, 1, 3, 3]);
  assert.deepEqual([...await y.data()], [0, 0, 0, 0, 5, 0, 0, 0, 0]);
  using up = convTranspose2d(x, weight, { stride: 2, outputPadding: 1, padding: 1 });
  assert.deepEqual(up.shape, [1, 1, 4, 4]);
  assert.deepEqual([...await up.data()], [0, 0, 0, 0, 0, 5, 0, 6, 0, 0, 0, 0, 0, 8, 0, 9]);
});

testOnEachDevice("no images give no results and a gradient of zeros", async (device) => {
  using x = Tensor.from(device, [], { shape: [0, 2, 3, 3] });
  using weight = Tensor.from(device, [1, 2], { shape: [1, 2, 1, 1], requiresGrad: true });
  using y = conv2d(x, weight);
  assert.deepEqual(y.shape, [0, 1, 3, 3]);
  using loss = sum(y);
  await loss.backward();
  assert.deepEqual([...await weight.grad!.data()], [0, 0]);
});

testOnEachDevice("images are taken a few at a time if their windows are many", async (device) => {
  // Windows of 256 numbers, 4.4 million for each image: those of two images are not kept at once.
  const [side, length] = [16, 146];
  const places = length - side + 1;
  const values = Float32Array.from({ length: 2 * length ** 2 }, (_, i) => i % 7 - 3);
  using x = Tensor.from(device, values, { shape: [2, 1, length, length] });
  const kernel = Float32Array.from({ length: side ** 2 }, (_, i) => i % 5 - 2);
  using weight = Tensor.from(device, kernel, { shape: [1, 1, side, side], requiresGrad: true });
  const before = device.statistics().liveBytes;
  const y = conv2d(x, weight);
  const ofWindows = 4 * (side * places) ** 2;
  assert.ok(device.statistics().peakBytes - before < 1.1 * ofWindows);
  const numbers = await y.data();
  const at = (b: number, row: number, col: number) => values[(b * length + row) * length + col];
  for (const [b, row, col] of [[0, 0, 0], [0, 130, 5], [1, 1, 130], [1, 77, 30]]) {
    const want = kernel.reduce(
      (sum, w, k) => sum + w * at(b, row + Math.floor(k / side), col + k % side),
      0,
    );
    assert.equal(numbers[(b * places + row) * places + col], want);
  }
  using loss = sum(y);
  await loss.backward();
  assert.ok(device.statistics().peakBytes - before < 1.1 * ofWindows);
  const gradient = await weight.grad!.data();
  for (const [i, j] of [[0, 0], [15, 3]]) {
    let want = 0;
    for (let place = 0; place < 2 * places ** 2; place++) {
      const [b, row] = [Math.floor(place / places ** 2), Math.floor(place / places) % places];
      want += at(b, row + i, place % places + j);
    }
    assert.equal(gradient[i * side + j], want);
  }
});

testOnEachDevice(
  "conv2d() and convTranspose2d() refuse what does not fit, by name",
  async (device) => {
    await Promise.resolve();
    using x = Tensor.from(device, new Float32Array(16), { shape: [1, 4, 2, 2] });
    using weight = Tensor.from(device, new Float32Array(16), { shape: [4, 4, 1, 1] });
    using large = Tensor.from(device, new Float32Array(36), { shape: [1, 4, 3, 3] });
    using bias = Tensor.from(device, [1, 2, 3]);
    const forward = (options: Conv2dOptions) => () => conv2d(x, weight, options);
    const back = (options: ConvTranspose2dOptions) => () => convTranspose2d(x, weight, options);
    for (const each of [forward, back]) {
      assert.throws(each({ stride: 0 }), /stride to be an integer from 1, .* got 0/);
      assert.throws(
        each({ padding: [1, -1] }),
        /padding to be an integer from 0, .* got \[1, -1\]/,
      );
      assert.throws(each({ dilation: 1.5 }), /dilation to be an integer from 1, .* got 1.5/);
      assert.throws(each({ groups: 0 }), /groups to be an integer from 1, got 0/);
      assert.throws(each({ bias }), /bias of \[4\] .* got \[3\]/);
    }
    assert.throws(forward({ strides: 2 } as Conv2dOptions), /conv2d\(\) .*strides/);
    assert.throws(forward({ outputPadding: 1 } as Conv2dOptions), /conv2d\(\) .*outputPadding/);
    assert.throws(forward({ groups: 2 }), /x of 8 channels for .* groups 2, got \[1, 4, 2, 2\]/);
    assert.throws(back({ groups: 3 }), /groups to divide both numbers of channels, got 4 and 12/);
    assert.throws(() => conv2d(x, large), /not smaller than the kernel/);
    assert.throws(() => conv2d(reshaped(x), weight), /x of \[B, C, H, W\]/);
    assert.throws(back({ outputPadding: 1 }), /outputPadding to be less than stride or dilation/);
    assert.throws(back({ padding: 1 }), /at least one row and column, got \[0, 0\]/);
  },
);

function reshaped(x: Tensor): Tensor {
  return x.alias([4, 4]);
}
