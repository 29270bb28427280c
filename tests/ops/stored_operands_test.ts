// Every op takes operands stored in 16 bits, mixed with others: its values and gradients are those of the numbers that the operands
// hold, its result is f32, and no converted copy outlives the pass.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import type { KernelName, KernelParams } from "../../src/device/kernels/registry.ts";
import { geluTanh, relu, silu } from "../../src/ops/activation.ts";
import { add } from "../../src/ops/add.ts";
import { addBias } from "../../src/ops/add_bias.ts";
import { attention } from "../../src/ops/attention.ts";
import { batchedMatmul } from "../../src/ops/batched_matmul.ts";
import { cast } from "../../src/ops/cast.ts";
import { conv1d, convTranspose1d } from "../../src/ops/conv1d.ts";
import { conv2d, convTranspose2d } from "../../src/ops/conv2d.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { dropout } from "../../src/ops/dropout.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { linear } from "../../src/ops/linear.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { mean } from "../../src/ops/mean.ts";
import { mul } from "../../src/ops/mul.ts";
import { layerNorm, rmsNorm } from "../../src/ops/norm.ts";
import { permute } from "../../src/ops/permute.ts";
import { repeat } from "../../src/ops/repeat.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { rotary, RotaryAngles } from "../../src/ops/rotary.ts";
import { scale } from "../../src/ops/scale.ts";
import { concat, slice } from "../../src/ops/slice.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { sum } from "../../src/ops/sum.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { type FloatTensor, Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { batchedProduct } from "../reference/batched_product.ts";
import { attention as attentionReference } from "../reference/attention.ts";
import {
  convolution,
  type ConvolutionSizes,
  transposedConvolution,
} from "../reference/convolution.ts";
import { dropout as dropoutReference } from "../reference/dropout.ts";
import type { Reference, Values } from "../reference/reference.ts";
import { rotary as rotaryReference } from "../reference/rotary.ts";
import { softmax as softmaxReference } from "../reference/softmax.ts";
import { pointwiseFunctions } from "../reference/pointwise.ts";
import { checkGradients, type GradientCheck } from "../support/ops/gradient_check.ts";

/** <op>_test.ts tests the maths of ops with f32 operands; here plain loops compute the expected values. */
const checks: Readonly<Record<string, (device: Device) => Omit<GradientCheck, "dtypes">>> = {
  add: () => ({
    shapes: [[3, 3], [3, 3]],
    op: add,
    reference: (a, b) => a.map((value, i) => value + b[i]),
  }),
  mul: () => ({
    shapes: [[5], [5]],
    op: mul,
    reference: (a, b) => a.map((value, i) => value * b[i]),
  }),
  addBias: () => ({
    shapes: [[3, 5], [5]],
    op: addBias,
    reference: (x, bias) => x.map((value, i) => value + bias[i % 5]),
  }),
  scale: () => ({
    shapes: [[7]],
    op: (x) => scale(x, -1.5),
    reference: (x) => x.map((value) => -1.5 * value),
  }),
  sum: () => ({
    shapes: [[3, 5]],
    op: (x) => sum(x),
    reference: (x) => [x.reduce((total, value) => total + value, 0)],
  }),
  mean: () => ({
    shapes: [[3, 5]],
    op: (x) => mean(x),
    reference: (x) => [x.reduce((total, value) => total + value, 0) / 15],
  }),
  gelu: () => elementwise(gelu, "gelu"),
  reshape: () => ({
    shapes: [[3, 5]],
    op: (x) => scale(reshape(x, [5, 3]), 1),
    reference: (x) => x,
  }),
  geluTanh: () => elementwise(geluTanh, "gelu_tanh"),
  silu: () => elementwise(silu, "silu"),
  relu: () => elementwise(relu, "relu"),
  softmax: () => ({
    shapes: [[3, 5]],
    op: softmax,
    reference: (x) => referenceOf(softmaxReference, { x, out: x }, { rows: 3, cols: 5 }),
  }),
  layerNorm: () => ({
    shapes: [[3, 5], [5], [5]],
    op: (x, weight, bias) => layerNorm(x, { weight, bias, eps: 0.1 }),
    reference: (x, weight, bias) => normOf({ x, weight, bias }),
    tolerance: 1e-5,
  }),
  rmsNorm: () => ({
    shapes: [[3, 5], [5]],
    op: (x, weight) => rmsNorm(x, { weight, eps: 0.1 }),
    reference: (x, weight) => normOf({ x, weight }),
    tolerance: 1e-5,
  }),
  rotary: (device) => {
    const angles = new RotaryAngles(device, { positions: 3, frequencies: [1, 0.3] });
    const table = (f: (x: number) => number) =>
      [0, 1, 2].flatMap((t) => [Math.fround(f(t)), Math.fround(f(t * 0.3))]);
    const sizes = {
      rows: 12,
      heads: 2,
      positions: 3,
      dim: 5,
      rotaryBegin: 0,
      rotaryDim: 4,
      interleaved: 0,
      sign: 1,
    };
    return {
      shapes: [[2, 3, 2, 5]],
      op: (x) => rotary(x, { angles }),
      reference: (x) =>
        referenceOf(
          rotaryReference,
          { x, cos: table(Math.cos), sin: table(Math.sin), out: x },
          sizes,
        ),
    };
  },
  attention: () => {
    const [batch, queries, keys, heads, keyHeads, dim, valueDim] = [1, 3, 5, 2, 1, 3, 3];
    return {
      shapes: [
        [batch, queries, heads, dim],
        [batch, keys, keyHeads, dim],
        [batch, keys, keyHeads, valueDim],
        [heads, queries + keys - 1],
      ],
      op: (q, k, v, bias) =>
        attention(q, k, v, {
          visible: "all",
          scale: 0.5,
          bias,
          dropout: { probability: 0.25, key: [1, 2] },
        }),
      reference: (q, k, v, bias) =>
        referenceOf(attentionReference, { q, k, v, keyMask: [], bias, out: q, lse: [] }, {
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
          biased: 1,
          scale: 0.5,
          softCap: 0,
          seedLow: 1,
          seedHigh: 2,
          threshold: 2 ** 30,
          keptScale: 4 / 3,
          firstHead: 0,
          allHeads: heads,
        }),
      tolerance: 1e-5,
    };
  },
  dropout: () => ({
    shapes: [[3, 5]],
    op: (x) => dropout(x, { probability: 0.25, key: [1, 2] }),
    reference: (x) =>
      referenceOf(dropoutReference, { x, out: x }, {
        length: 15,
        cols: 5,
        rowLength: 5,
        seedLow: 1,
        seedHigh: 2,
        first: 0,
        threshold: 2 ** 30,
        scale: 4 / 3,
      }),
  }),
  permute: () => ({
    shapes: [[3, 5]],
    op: (x) => permute(x, [1, 0]),
    reference: (x) => Array.from(x, (_, at) => x[at % 3 * 5 + Math.floor(at / 3)]),
  }),
  slice: () => ({
    shapes: [[3, 5]],
    op: (x) => slice(x, { dim: 1, begin: 1, end: 4 }),
    reference: (x) => x.filter((_, at) => at % 5 >= 1 && at % 5 < 4),
  }),
  repeat: () => ({
    shapes: [[3, 5]],
    op: (x) => repeat(x, 3),
    reference: (x) => [...x, ...x, ...x],
  }),
  concat: () => ({
    shapes: [[3, 5], [1, 5]],
    op: (a, b) => concat([a, b], { dim: 0 }),
    reference: (a, b) => [...a, ...b],
  }),
  batchedMatmul: () => ({
    shapes: [[3, 3, 5], [3, 5, 7]],
    op: (a, b) => batchedMatmul(a, b),
    reference: (a, b) => batchedProduct(a, b, { batch: 3, m: 3, k: 5, n: 7 }),
  }),
  conv2d: () => ({
    shapes: [[2, 3, 4, 3], [2, 3, 2, 2], [2]],
    op: (x, weight, bias) => conv2d(x, weight, { bias }),
    reference: (x, weight, bias) => convolution({ x, weight, bias }, CONVOLUTION),
  }),
  convTranspose2d: () => ({
    shapes: [[2, 2, 3, 2], [2, 3, 2, 2], [3]],
    op: (x, weight, bias) => convTranspose2d(x, weight, { bias }),
    reference: (x, weight, bias) => transposedConvolution({ x, weight, bias }, CONVOLUTION),
  }),
  conv1d: () => ({
    shapes: [[2, 3, 5], [2, 3, 2], [2]],
    op: (x, weight, bias) => conv1d(x, weight, { bias }),
    reference: (x, weight, bias) => convolution({ x, weight, bias }, OF_SEQUENCES),
  }),
  convTranspose1d: () => ({
    shapes: [[2, 2, 4], [2, 3, 2], [3]],
    op: (x, weight, bias) => convTranspose1d(x, weight, { bias }),
    reference: (x, weight, bias) => transposedConvolution({ x, weight, bias }, OF_SEQUENCES),
  }),
  matmul: () => ({
    shapes: [[3, 5], [5, 7]],
    op: matmul,
    reference: (a, b) => product(a, b, { k: 5, n: 7, at: (i, j) => i * 7 + j }),
  }),
  linear: () => ({
    shapes: [[3, 5], [7, 5], [7]],
    op: linear,
    reference: (x, weight, bias) =>
      product(x, weight, { k: 5, n: 7, at: (i, j) => j * 5 + i }).map((y, at) => y + bias[at % 7]),
  }),
  embedding: (device) => ({
    shapes: [[5, 3]],
    op: (table) => embedding(table, Tensor.from(device, [4, 0, 4], { dtype: "u32" })),
    reference: (table) => [4, 0, 4].flatMap((row) => table.slice(row * 3, row * 3 + 3)),
  }),
  crossEntropy: (device) => ({
    shapes: [[2, 3]],
    op: (logits) => crossEntropy(logits, Tensor.from(device, [2, 0], { dtype: "u32" })),
    reference: (logits) => {
      const loss = (row: number[], target: number) =>
        Math.log(row.reduce((total, z) => total + Math.exp(z), 0)) - row[target];
      return [(loss(logits.slice(0, 3), 2) + loss(logits.slice(3), 0)) / 2];
    },
  }),
};

const CONVOLUTION: ConvolutionSizes = {
  batch: 2,
  channels: 3,
  image: [4, 3],
  outChannels: 2,
  places: [3, 2],
  kernel: [2, 2],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
};
const OF_SEQUENCES: ConvolutionSizes = {
  ...CONVOLUTION,
  image: [1, 5],
  places: [1, 4],
  kernel: [1, 2],
};

function elementwise(
  op: (x: FloatTensor) => Tensor,
  kernel: string,
): Omit<GradientCheck, "dtypes"> {
  const f = pointwiseFunctions[kernel]!;
  return { shapes: [[7]], op, reference: (x) => x.map((value) => f([value], {})) };
}

/** `out` of a kernel's reference with f32 parameters; `out` has the length of `given`. */
function referenceOf<K extends KernelName>(
  reference: Reference<K>,
  operands: Readonly<Record<string, readonly number[]>>,
  params: KernelParams<K>,
): number[] {
  const values = Object.fromEntries(
    Object.entries(operands).map(([name, each]) => [name, Float64Array.from(each)]),
  );
  reference(values as unknown as Values<K>, params);
  return [...values.out];
}

/** Centred if there is a bias. */
function normOf(
  { x, weight, bias }: { x: number[]; weight: number[]; bias?: number[] },
): number[] {
  const cols = weight.length;
  const meanOf = (row: number[]) => row.reduce((total, value) => total + value, 0) / cols;
  return x.map((value, at) => {
    const row = x.slice(at - at % cols, at - at % cols + cols);
    const mean = bias === undefined ? 0 : meanOf(row);
    const variance = meanOf(row.map((each) => (each - mean) ** 2));
    return (value - mean) / Math.sqrt(variance + 0.1) * weight[at % cols] +
      (bias?.[at % cols] ?? 0);
  });
}

for (const [name, make] of Object.entries(checks)) {
  for (const dtype of ["f16", "bf16"] as const) {
    testOnEachDevice(
      `${name}() of operands in ${dtype} agrees with its reference`,
      async (device) => {
        const check = make(device);
        const stored = check.shapes.map(() => dtype);
        await checkGradients(device, { ...check, dtypes: stored });
        // Each operand alone in 16 bits, the others in f32, as parameters are among activations.
        for (let alone = 0; alone < stored.length && stored.length > 1; alone++) {
          const dtypes = stored.map((each, i): FloatType => i === alone ? each : "f32");
          await checkGradients(device, { ...check, dtypes });
        }
      },
    );
  }
}

testOnEachDevice("ops release converted operands", async (device) => {
  using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  const options = { shape: [3, 3], dtype: "bf16", requiresGrad: true } as const;
  using weight = Tensor.from(device, [1, 2, 3, 4, 5, 6, 7, 8, 9], options);
  const before = device.statistics().liveBytes;
  const y = linear(x, weight);
  using spare = Tensor.empty(device, [2, 3]);
  const ofOne = sizeOf(device, spare);
  assert.equal(device.statistics().liveBytes, before + 2 * ofOne);
  using loss = sum(y);
  await loss.backward();
  assert.equal(weight.grad!.dtype, "bf16");
  // Beside the spare tensor only the loss, and the gradient in 16 bits, are left.
  assert.ok(device.statistics().liveBytes <= before + 3 * ofOne);
});

testOnEachDevice("cast() rounds forward and passes the gradient on unrounded", async (device) => {
  using x = Tensor.from(device, [1.001, -3.003, 70000], { requiresGrad: true });
  using factor = Tensor.from(device, [1.0001, 1.0002, 0]);
  const narrow = cast(x, "f16");
  assert.equal(narrow.dtype, "f16");
  assertSameBits(await narrow.data(), [1.0009765625, -3.00390625, Infinity]);
  using loss = sum(mul(narrow, factor));
  await loss.backward();
  assertSameBits(await x.grad!.data(), await factor.data());
});

testOnEachDevice(
  "cast() to a leaf's own type does not release the leaf",
  async (device) => {
    using x = Tensor.from(device, [1, 2, 3], { dtype: "bf16", requiresGrad: true });
    {
      using y = cast(x, "bf16");
      using loss = sum(y);
      await loss.backward();
    }
    assertSameBits([...await x.data(), ...await x.grad!.data()], [1, 2, 3, 1, 1, 1]);
  },
);

testOnEachDevice("cast() refuses indices", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1], { dtype: "u32" });
  assert.throws(() => cast(x as unknown as FloatTensor, "f32"), {
    name: "TypeError",
    message: "cast() wants f32, f16 or bf16, got u32 to be cast to f32",
  });
});

/** The product of a [., k] and b, whose element (i, j) is `at(i, j)`. */
function product(
  a: number[],
  b: number[],
  { k, n, at }: { k: number; n: number; at: (i: number, j: number) => number },
): number[] {
  return Array.from({ length: a.length / k * n }, (_, y) => {
    const [row, col] = [Math.floor(y / n), y % n];
    let total = 0;
    for (let i = 0; i < k; i++) total += a[row * k + i] * b[at(i, col)];
    return total;
  });
}

function sizeOf(device: Device, tensor: Tensor): number {
  const before = device.statistics().liveBytes;
  using _same = Tensor.empty(device, tensor.shape);
  return device.statistics().liveBytes - before;
}
