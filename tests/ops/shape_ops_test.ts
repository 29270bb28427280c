// Ops that move elements, against plain loops, and their gradients.

import assert from "node:assert/strict";
import { expand } from "../../src/ops/expand.ts";
import { gather, scatterAdd } from "../../src/ops/gather.ts";
import { oneHot } from "../../src/ops/one_hot.ts";
import { pad } from "../../src/ops/pad.ts";
import { sort } from "../../src/ops/sort.ts";
import { split, stack } from "../../src/ops/stack.ts";
import { sum } from "../../src/ops/sum.ts";
import { mul } from "../../src/ops/mul.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { tril, triu } from "../../src/ops/triangle.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

testOnEachDevice("transpose() exchanges two dims", async (device) => {
  const turned = (x: number[]) => Array.from(x, (_, at) => x[at % 3 * 5 + Math.floor(at / 3)]!);
  await checkGradients(device, { shapes: [[3, 5]], op: (x) => transpose(x), reference: turned });
  await checkGradients(device, {
    shapes: [[2, 3, 4]],
    dtypes: ["f16"],
    op: (x) => transpose(x, 0, -1),
    reference: (x) =>
      x.map((_, at) => x[at % 2 * 12 + Math.floor(at / 2) % 3 * 4 + Math.floor(at / 6)]!),
  });
});

testOnEachDevice("expand() repeats dims of length 1, and sums their gradient", async (device) => {
  await checkGradients(device, {
    shapes: [[3, 1]],
    op: (x) => expand(x, [2, 3, 4]),
    reference: (x) => Array.from({ length: 24 }, (_, at) => x[Math.floor(at / 4) % 3]!),
  });
});

testOnEachDevice("stack() joins along a new dim", async (device) => {
  await checkGradients(device, {
    shapes: [[2, 3], [2, 3]],
    op: (a, b) => stack([a, b], { dim: 1 }),
    reference: (a, b) => [...a.slice(0, 3), ...b.slice(0, 3), ...a.slice(3), ...b.slice(3)],
  });
  await checkGradients(device, {
    shapes: [[3], [3]],
    dtypes: ["bf16", "f32"],
    op: (a, b) => stack([a, b], { dim: -1 }),
    reference: (a, b) => a.flatMap((value, i) => [value, b[i]!]),
  });
});

testOnEachDevice("split() gives the parts of a dim", async (device) => {
  await checkGradients(device, {
    shapes: [[2, 5]],
    op: (x) => {
      const [a, b, c] = split(x, { lengths: 2, dim: 1 });
      assert.deepEqual(c!.shape, [2, 1]);
      return mul(a!, mul(b!, c!));
    },
    reference: (x) => [0, 1, 5, 6].map((at) => x[at]! * x[at + 2]! * x[at < 2 ? 4 : 9]!),
  });
  using x = Tensor.from(device, [1, 2, 3]);
  assert.deepEqual(split(x, { lengths: [0, 3] }).map(({ length }) => length), [0, 3]);
  for (const lengths of [0, -1, 1.5, [1, 1], [4, -1]]) {
    assert.throws(() => split(x, { lengths }), /lengths that add up to 3/);
  }
});

testOnEachDevice("pad() puts a value around the last dims", async (device) => {
  await checkGradients(device, {
    shapes: [[2, 2, 3]],
    op: (x) => pad(x, { widths: [[1, 0], [0, 2]], value: 7 }),
    reference: (x) =>
      [0, 1].flatMap((image) => [
        ...new Array(5).fill(7),
        ...x.slice(image * 6, image * 6 + 3),
        7,
        7,
        ...x.slice(image * 6 + 3, image * 6 + 6),
        7,
        7,
      ]),
  });
  using x = Tensor.from(device, [1]);
  assert.throws(() => pad(x, { widths: [[0, 0], [0, 0]] }), /for at most 1 dims/);
  assert.throws(() => pad(x, { widths: [[0, -1]] }), /\[before, after\] from 0/);
});

testOnEachDevice("tril() and triu() keep what is on their side of a diagonal", async (device) => {
  const kept = (x: number[], keep: (above: number) => boolean) =>
    x.map((value, at) => keep(at % 4 - Math.floor(at / 4) % 3) ? value : 0);
  for (const diagonal of [0, 1, -1]) {
    await checkGradients(device, {
      shapes: [[2, 3, 4]],
      op: (x) => tril(x, { diagonal }),
      reference: (x) => kept(x, (above) => above <= diagonal),
    });
    await checkGradients(device, {
      shapes: [[2, 3, 4]],
      op: (x) => triu(x, { diagonal }),
      reference: (x) => kept(x, (above) => above >= diagonal),
    });
  }
});

testOnEachDevice("gather() and scatterAdd() along every dim agree with loops", async (device) => {
  const shape = [2, 3, 2];
  for (const [dim, length] of [[0, 3], [1, 4], [2, 1]] as const) {
    const ofIndices = shape.with(dim, length);
    const count = ofIndices.reduce((a, b) => a * b, 1);
    const values = Uint32Array.from({ length: count }, (_, i) => (i * 7 + 1) % shape[dim]!);
    const indices = Tensor.from(device, values, { shape: ofIndices });
    const place = (at: number) => {
      const index = indexOf(at, ofIndices).with(dim, values[at]!);
      return index.reduce((total, i, d) => total * shape[d]! + i, 0);
    };
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => gather(x, indices, { dim }),
      reference: (x) => [...values.keys()].map((at) => x[place(at)]!),
    });
    await checkGradients(device, {
      shapes: [shape, ofIndices],
      op: (x, source) => scatterAdd(x, indices, source, { dim: dim - 3 }),
      reference: (x, source) => {
        const y = [...x];
        source.forEach((value, at) => y[place(at)]! += value);
        return y;
      },
    });
    indices[Symbol.dispose]();
  }
});

testOnEachDevice("sort() gives values and indices, equal ones in their order", async (device) => {
  using x = Tensor.from(device, [3, NaN, 1, 3, -Infinity, -0, 0, 2], {
    shape: [2, 4],
    requiresGrad: true,
  });
  const up = await sort(x);
  assertSameBits(await up.values.data(), [1, 3, 3, NaN, -Infinity, -0, 0, 2]);
  assert.deepEqual([...up.indices.indices!], [2, 0, 3, 1, 0, 1, 2, 3]);
  const down = await sort(x, { descending: true });
  assert.deepEqual([...down.indices.indices!], [1, 0, 3, 2, 3, 1, 2, 0]);
  const ofColumns = await sort(x, { dim: 0 });
  assert.deepEqual([...ofColumns.indices.indices!], [1, 1, 1, 1, 0, 0, 0, 0]);
  for (const { values, indices } of [up, down, ofColumns]) {
    values[Symbol.dispose]();
    indices[Symbol.dispose]();
  }
  using long = Tensor.from(
    device,
    Float32Array.from({ length: 3000 }, (_, i) => (i * 7919) % 3001),
    { shape: [1500, 2], requiresGrad: true },
  );
  const sorted = await sort(long, { dim: 0, descending: true });
  const data = await sorted.values.data();
  const column = Array.from({ length: 1500 }, (_, i) => data[2 * i]!);
  assert.deepEqual(column, column.toSorted((a, b) => b - a));
  using weights = Tensor.from(device, Float32Array.from(data.keys()), { shape: [1500, 2] });
  using loss = sum(mul(sorted.values, weights));
  await loss.backward();
  const places = sorted.indices.indices!;
  const gradient = await long.grad!.data();
  places.forEach((row, at) => assert.equal(gradient[row * 2 + at % 2], at));
  sorted.indices[Symbol.dispose]();
});

testOnEachDevice("oneHot() sets one element of every row", async (device) => {
  using indices = Tensor.from(device, [2, 0, 1, 2], { shape: [2, 2], dtype: "u32" });
  using y = oneHot(indices, { numClasses: 3 });
  assert.deepEqual(y.shape, [2, 2, 3]);
  assertSameBits(await y.data(), [0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
  assert.throws(() => oneHot(indices, { numClasses: 2 }), /indices under 2, got 2/);
  assert.throws(() => oneHot(indices, { classes: 3 } as never), /has no option "classes"/);
});

testOnEachDevice("shape ops refuse shapes that do not fit", async (device) => {
  await Promise.resolve();
  using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  using y = Tensor.from(device, [1, 2, 3]);
  using indices = Tensor.from(device, [0, 1], { shape: [2, 1], dtype: "u32" });
  using source = Tensor.from(device, [0, 1], { shape: [1, 2] });
  assert.throws(() => transpose(y), /a dim from -1 to 0 of \[3\], got -2/);
  assert.throws(() => expand(x, [3]), /can be broadcast/);
  assert.throws(() => expand(x, [2, 4]), /can be broadcast/);
  assert.throws(() => stack([x, y]), /one shape, got \[2, 3\] and \[3\]/);
  assert.throws(() => stack([]), /at least one tensor/);
  assert.throws(() => tril(y), /x of \[\.\.\., M, N\]/);
  assert.throws(() => gather(x, indices, { dim: 0 }), /equal in all dims but 0/);
  assert.throws(() => scatterAdd(x, indices, source), /source of the shape of the indices/);
  assert.throws(() => gather(x, indices, { axis: 0 } as never), /has no option "axis"/);
});

function indexOf(at: number, shape: readonly number[]): number[] {
  let rest = at;
  return shape.toReversed().map((length) => {
    const i = rest % length;
    rest = Math.floor(rest / length);
    return i;
  }).reverse();
}
