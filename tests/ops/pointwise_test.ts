// Pointwise ops against float64: values and gradients of operands of one shape, of broadcast ones and of plain numbers.

import assert from "node:assert/strict";
import { leakyRelu } from "../../src/ops/activation.ts";
import { add, neg, sub } from "../../src/ops/add.ts";
import {
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  maximum,
  minimum,
  notEqual,
  where,
} from "../../src/ops/comparison.ts";
import { abs, clamp, exp, log, rsqrt, sigmoid, softplus, sqrt } from "../../src/ops/elementary.ts";
import { div, mul, pow } from "../../src/ops/mul.ts";
import { sum } from "../../src/ops/sum.ts";
import { elementCount } from "../../src/tensor/shape.ts";
import { type FloatTensor, Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

/** Random operands are from -2 to 2: functions of positive numbers get x^2 + 0.5 of them. */
const UNARY: Record<string, readonly [op: (x: FloatTensor) => Tensor, f: (x: number) => number]> = {
  neg: [neg, (x) => -x],
  exp: [exp, Math.exp],
  log: [(x) => log(positive(x)), (x) => Math.log(x * x + 0.5)],
  sqrt: [(x) => sqrt(positive(x)), (x) => Math.sqrt(x * x + 0.5)],
  rsqrt: [(x) => rsqrt(positive(x)), (x) => 1 / Math.sqrt(x * x + 0.5)],
  abs: [abs, Math.abs],
  sigmoid: [sigmoid, (x) => 1 / (1 + Math.exp(-x))],
  softplus: [softplus, (x) => Math.log1p(Math.exp(x))],
  leakyRelu: [(x) => leakyRelu(x, { slope: 0.2 }), (x) => x < 0 ? 0.2 * x : x],
  clamp: [(x) => clamp(x, { min: -1, max: 0.7 }), (x) => Math.min(Math.max(x, -1), 0.7)],
  "clamp from below": [(x) => clamp(x, { min: -1 }), (x) => Math.max(x, -1)],
};

const BINARY: Record<
  string,
  readonly [op: (a: FloatTensor, b: FloatTensor) => Tensor, f: (a: number, b: number) => number]
> = {
  add: [add, (a, b) => a + b],
  sub: [sub, (a, b) => a - b],
  mul: [mul, (a, b) => a * b],
  div: [(a, b) => div(a, positive(b)), (a, b) => a / (b * b + 0.5)],
  pow: [(a, b) => pow(positive(a), b), (a, b) => (a * a + 0.5) ** b],
  maximum: [maximum, Math.max],
  minimum: [minimum, Math.min],
};

const SHAPES = [
  [[5, 7], [5, 7]],
  [[5, 7], [7]],
  [[5, 7], [5, 1]],
  [[3, 1, 5], [2, 1]],
  [[], [3]],
  [[2, 1, 3, 1, 2], [1, 3, 1, 2, 1]],
  [[0, 3], [3]],
];

for (const [name, [op, f]] of Object.entries(UNARY)) {
  testOnEachDevice(`${name}() agrees with its reference, in 16 bits too`, async (device) => {
    for (const [shape, dtype] of [[[5, 13], "f32"], [[], "f16"], [[7], "bf16"]] as const) {
      await checkGradients(device, {
        shapes: [shape],
        dtypes: [dtype],
        op,
        reference: (x) => x.map(f),
      });
    }
  });
}

for (const [name, [op, f]] of Object.entries(BINARY)) {
  testOnEachDevice(`${name}() broadcasts as its reference, in 16 bits too`, async (device) => {
    for (const shapes of SHAPES) {
      const reference = (a: number[], b: number[]) => broadcasting(shapes, [a, b], f);
      await checkGradients(device, { shapes, op, reference, tolerance: 4e-6 });
    }
    const shapes = [[3, 5], [5]];
    await checkGradients(device, {
      shapes,
      dtypes: ["bf16", "f16"],
      op,
      reference: (a, b) => broadcasting(shapes, [a, b], f),
      tolerance: 4e-6,
    });
  });
}

testOnEachDevice("where() broadcasts its condition and both choices", async (device) => {
  using condition = Tensor.from(device, [1, 0, -2], { shape: [3, 1] });
  const shapes = [[3, 2], [2]];
  await checkGradients(device, {
    shapes,
    op: (a, b) => where(condition, a, b),
    reference: (a, b) => a.map((value, i) => i === 2 || i === 3 ? b[i % 2]! : value),
  });
});

testOnEachDevice("comparisons give masks of f32, without a gradient", async (device) => {
  using a = Tensor.from(device, [1, 2, 3, NaN], { requiresGrad: true });
  const wanted: Record<string, [(a: FloatTensor, b: number) => Tensor, number[]]> = {
    equal: [equal, [0, 1, 0, 0]],
    notEqual: [notEqual, [1, 0, 1, 1]],
    greater: [greater, [0, 0, 1, 0]],
    greaterEqual: [greaterEqual, [0, 1, 1, 0]],
    less: [less, [1, 0, 0, 0]],
    lessEqual: [lessEqual, [1, 1, 0, 0]],
  };
  for (const [name, [op, values]] of Object.entries(wanted)) {
    using mask = op(a, 2);
    assert.equal(mask.requiresGrad, false);
    assertSameBits(await mask.data(), values, name);
  }
  using masked = sum(where(greater(a, 1.5), a, 0));
  await masked.backward();
  assertSameBits(await a.grad!.data(), [0, 1, 1, 0]);
});

testOnEachDevice("plain numbers are operands, and released with the result", async (device) => {
  using x = Tensor.from(device, [1, -2, 4], { requiresGrad: true });
  const before = device.statistics().liveBytes;
  {
    using y = sum(div(1, pow(sub(x, 0.5), 2)));
    await y.backward();
    assertClose(await x.grad!.data(), [0.5, -2.5, 3.5].map((z) => -2 / z ** 3), { relative: 1e-6 });
  }
  x.grad = undefined;
  assert.equal(device.statistics().liveBytes, before);
});

testOnEachDevice(
  "maximum() of equal elements gives half of the gradient to each",
  async (device) => {
    using a = Tensor.from(device, [1, 5], { requiresGrad: true });
    using b = Tensor.from(device, [1, 2], { requiresGrad: true });
    using y = sum(maximum(a, b));
    await y.backward();
    assertSameBits([...await a.grad!.data(), ...await b.grad!.data()], [0.5, 1, 0.5, 0]);
  },
);

testOnEachDevice("ops refuse what is no tensor of numbers in a sentence", async (device) => {
  using x = Tensor.from(device, [1, 2, 3, 4], { shape: [2, 2] });
  using y = Tensor.from(device, [1, 2, 3]);
  using indices = Tensor.from(device, [1], { dtype: "u32" });
  const promise = Promise.resolve(x);
  const wrong = (value: unknown) => value as FloatTensor;
  const refused: [() => Tensor, string, RegExp][] = [
    [
      () => add(x, y),
      "RangeError",
      /add\(\) wants shapes that can be broadcast .* \[2, 2\] and \[3\]/,
    ],
    [() => add(1, 2), "TypeError", /at least one tensor, got numbers alone/],
    [() => add(x, wrong(promise)), "TypeError", /got a promise: await it first/],
    [() => exp(wrong(promise)), "TypeError", /exp\(\) wants a tensor for x, got a promise/],
    [() => exp(wrong(3)), "TypeError", /got a number: make a tensor of it with Tensor.from/],
    [() => exp(wrong([3])), "TypeError", /got an array: make a tensor/],
    [() => exp(wrong(undefined)), "TypeError", /got undefined/],
    [() => exp(wrong({})), "TypeError", /got an object of class Object/],
    [() => exp(wrong(indices)), "TypeError", /wants x in f32, f16 or bf16, got u32/],
    [() => where(wrong(indices), x, x), "TypeError", /wants condition in f32/],
    [() => clamp(x, { min: 2, max: 1 }), "RangeError", /min <= max, got 2 and 1/],
    [() => clamp(x, { low: 1 } as never), "TypeError", /has no option "low": it has min, max/],
    [() => clamp(x, 3 as never), "TypeError", /wants an object of options/],
  ];
  for (const [call, name, message] of refused) assert.throws(call, { name, message });
  await promise;
});

function positive(x: FloatTensor): Tensor {
  return add(mul(x, x), 0.5);
}

/** f of the elements that belong together. */
function broadcasting(
  shapes: readonly (readonly number[])[],
  operands: readonly number[][],
  f: (...values: number[]) => number,
): number[] {
  const count = Math.max(...shapes.map((shape) => shape.length));
  const padded = shapes.map((shape) => [...new Array(count - shape.length).fill(1), ...shape]);
  const shape = Array.from({ length: count }, (_, dim) => {
    const lengths = padded.map((each) => each[dim]);
    return lengths.find((length) => length !== 1) ?? 1;
  });
  return Array.from({ length: elementCount(shape) }, (_, i) => {
    const values = padded.map((each, k) => {
      let [rest, stride, place] = [i, 1, 0];
      for (let dim = count - 1; dim >= 0; dim--) {
        if (each[dim] !== 1) place += rest % shape[dim] * stride;
        stride *= each[dim];
        rest = Math.floor(rest / shape[dim]);
      }
      return operands[k]![place]!;
    });
    return f(...values);
  });
}
