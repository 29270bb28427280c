// Reductions over chosen dims against plain loops, and their gradients.

import assert from "node:assert/strict";
import { cumsum } from "../../src/ops/cumsum.ts";
import type { DimsOptions } from "../../src/ops/dims.ts";
import { argmax, argmin, max, min } from "../../src/ops/extremes.ts";
import { logSoftmax, logSumExp } from "../../src/ops/log_sum_exp.ts";
import { mean } from "../../src/ops/mean.ts";
import { sum } from "../../src/ops/sum.ts";
import { elementCount } from "../../src/tensor/shape.ts";
import { type FloatTensor, Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

type Reduction = readonly [
  op: (x: FloatTensor, options?: DimsOptions) => Tensor,
  of: (values: number[]) => number,
];

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  sum: [sum, (values) => values.reduce((total, value) => total + value, 0)],
  mean: [mean, (values) => values.reduce((total, value) => total + value, 0) / values.length],
  max: [max, (values) => Math.max(...values)],
  min: [min, (values) => Math.min(...values)],
  logSumExp: [
    logSumExp,
    (values) => Math.log(values.reduce((total, value) => total + Math.exp(value), 0)),
  ],
};

const CASES: readonly { readonly shape: readonly number[]; readonly options?: DimsOptions }[] = [
  { shape: [] },
  { shape: [5, 7] },
  { shape: [5, 7], options: { dim: 0 } },
  { shape: [5, 7], options: { dim: -1, keepDims: true } },
  { shape: [3, 5, 2], options: { dim: 1 } },
  { shape: [3, 5, 2], options: { dim: [2, 0] } },
  { shape: [2, 3, 2, 3, 2], options: { dim: [1, 3], keepDims: true } },
  { shape: [4, 1, 3], options: { dim: 1 } },
  { shape: [7], options: { dim: [] } },
];

for (const [name, [op, of]] of Object.entries(REDUCTIONS)) {
  testOnEachDevice(`${name}() over chosen dims agrees with its reference`, async (device) => {
    for (const { shape, options } of CASES) {
      await checkGradients(device, {
        shapes: [shape],
        op: (x) => {
          const y = op(x, options);
          assert.deepEqual(y.shape, shapeOf(shape, options), JSON.stringify({ shape, options }));
          return y;
        },
        reference: (x) => reduced(x, shape, options).map(of),
      });
    }
    const dtypes = ["bf16"] as const;
    await checkGradients(device, {
      shapes: [[3, 5]],
      dtypes,
      op: (x) => op(x, { dim: 0 }),
      reference: (x) => reduced(x, [3, 5], { dim: 0 }).map(of),
    });
  });
}

testOnEachDevice("cumsum() along every dim agrees with its reference", async (device) => {
  const shape = [3, 5, 2];
  for (const dim of [0, 1, 2, -1]) {
    const inner = elementCount(shape.slice(dim < 0 ? shape.length : dim + 1));
    const length = shape.at(dim)!;
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => cumsum(x, { dim }),
      reference: (x) =>
        x.map((_, at) => {
          const steps = Math.floor(at / inner) % length;
          let total = 0;
          for (let i = 0; i <= steps; i++) total += x[at - i * inner]!;
          return total;
        }),
    });
  }
});

testOnEachDevice("logSoftmax() along every dim agrees with its reference", async (device) => {
  const shape = [3, 4];
  for (const dim of [0, 1]) {
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => logSoftmax(x, { dim }),
      reference: (x) =>
        x.map((value, at) => {
          const same = x.filter((_, other) =>
            dim === 1 ? Math.floor(other / 4) === Math.floor(at / 4) : other % 4 === at % 4
          );
          return value - Math.log(same.reduce((total, each) => total + Math.exp(each), 0));
        }),
    });
  }
});

testOnEachDevice("argmax() and argmin() find the first of equal elements", async (device) => {
  using x = Tensor.from(device, [1, 5, 5, -2, -2, 0], { shape: [2, 3] });
  const cases = [
    [await argmax(x), [], [1]],
    [await argmax(x, { dim: 1 }), [2], [1, 2]],
    [await argmax(x, { dim: 0, keepDims: true }), [1, 3], [0, 0, 0]],
    [await argmin(x), [], [3]],
    [await argmin(x, { dim: -1 }), [2], [0, 0]],
  ] as const;
  for (const [found, shape, indices] of cases) {
    using _ = found;
    assert.deepEqual(found.shape, shape);
    assert.deepEqual([...found.indices!], indices);
  }
});

testOnEachDevice("reductions take infinities and NaN as promised", async (device) => {
  using x = Tensor.from(
    device,
    [-Infinity, -Infinity, 0, Infinity, NaN, 1],
    { shape: [3, 2], requiresGrad: true },
  );
  using y = logSumExp(x, { dim: 1 });
  assertClose(await y.data(), [-Infinity, Infinity, NaN], { equalNaN: true });
  using largest = max(x, { dim: 1 });
  using smallest = min(x, { dim: 1 });
  assertSameBits(await largest.data(), [-Infinity, Infinity, NaN]);
  assertSameBits(await smallest.data(), [-Infinity, 0, NaN]);
  using masked = Tensor.from(device, [-Infinity, -Infinity], { requiresGrad: true });
  using loss = logSumExp(masked);
  await loss.backward();
  assertSameBits(await masked.grad!.data(), [0, 0]);
});

testOnEachDevice("a large tensor's sum over its middle dim is accurate", async (device) => {
  using ones = Tensor.from(device, new Float32Array(3 * 5000 * 2).fill(0.1), {
    shape: [3, 5000, 2],
  });
  using y = sum(ones, { dim: 1 });
  assertClose(await y.data(), new Array(6).fill(5000 * Math.fround(0.1)), { relative: 1e-6 });
});

testOnEachDevice("reductions refuse unknown options and dims", async (device) => {
  using x = Tensor.from(device, [1, 2], { shape: [1, 2] });
  using empty = Tensor.from(device, [], { shape: [0, 2] });
  const wrong = (options: unknown) => options as DimsOptions;
  for (const op of [sum, mean, max, min, logSumExp]) {
    assert.throws(() => op(x, wrong({ dims: 1 })), /has no option "dims": it has dim, keepDims/);
    assert.throws(() => op(x, wrong(1)), /wants an object of options/);
    assert.throws(() => op(x, { dim: 2 }), /a dim from -2 to 1 of \[1, 2\], got 2/);
    assert.throws(() => op(x, { dim: [0, -2] }), /every dim once/);
    assert.throws(() => op(x, wrong({ keepDims: 1 })), /keepDims true or false/);
    assert.throws(() => op(Promise.resolve(x) as never), /got a promise/);
  }
  for (const op of [mean, max, min, logSumExp]) {
    assert.throws(() => op(empty, { dim: 0 }), /at least one element/);
  }
  await assert.rejects(() => argmax(x, wrong({ dims: 1 }) as never), /no option "dims"/);
  assert.throws(() => cumsum(x, { dim: 5 }), /a dim from -2 to 1/);
});

function dimsOf(shape: readonly number[], { dim }: DimsOptions): number[] {
  const dims = dim === undefined ? [...shape.keys()] : [dim].flat();
  return dims.map((each) => each < 0 ? each + shape.length : each);
}

function shapeOf(shape: readonly number[], options: DimsOptions = {}): number[] {
  const dims = dimsOf(shape, options);
  return shape.flatMap((length, dim) => {
    if (!dims.includes(dim)) return [length];
    return options.keepDims ? [1] : [];
  });
}

/** The elements that belong to each element of the result, in order. */
function reduced(
  x: readonly number[],
  shape: readonly number[],
  options: DimsOptions = {},
): number[][] {
  const dims = dimsOf(shape, options);
  const groups = new Map<string, number[]>();
  x.forEach((value, at) => {
    let rest = at;
    const index = shape.toReversed().map((length) => {
      const i = rest % length;
      rest = Math.floor(rest / length);
      return i;
    }).reverse();
    const key = index.filter((_, dim) => !dims.includes(dim)).join();
    groups.set(key, [...groups.get(key) ?? [], value]);
  });
  return [...groups.values()];
}
