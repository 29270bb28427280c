import assert from "node:assert/strict";
import { Layout, type LayoutOptions, type ShardingGroup } from "../../src/distributed/layout.ts";

function layouts(
  shape: readonly number[],
  { dim, size, unit, ...options }: LayoutOptions & {
    readonly dim: number;
    readonly size: number;
    readonly unit?: number;
  },
): Layout<ShardingGroup>[] {
  return Array.from({ length: size }, (_, rank) => {
    const split = { dim, group: { rank, size }, ...(unit === undefined ? {} : { unit }) };
    return new Layout(shape, [split], options);
  });
}

Deno.test("a dim is split into ranges, of which the first may be longer by one", () => {
  const ranges = layouts([10, 3], { dim: 0, size: 4 }).map((layout) => layout.range(0));
  assert.deepEqual(ranges.map(({ begin, end }) => [begin, end]), [[0, 3], [3, 6], [6, 8], [8, 10]]);
});

Deno.test("a dim with units is split between them only", () => {
  const shards = layouts([3, 20], { dim: 1, size: 3, unit: 4 });
  assert.deepEqual(shards.map((layout) => layout.range(1)), [
    { begin: 0, end: 8 },
    { begin: 8, end: 16 },
    { begin: 16, end: 20 },
  ]);
  assert.deepEqual(shards.map(({ localShape }) => localShape), [[3, 8], [3, 8], [3, 4]]);
});

Deno.test("a layout maps its dims to the merged dims of the whole shape", () => {
  const [first] = layouts([5, 3, 8], { dim: 2, size: 2, wholeShape: [5, 24] });
  assert.deepEqual(first.wholeShape, [5, 24]);
  assert.deepEqual(first.wholeDims, [0, 1, 1]);
  assert.deepEqual(first.localShape, [5, 3, 4]);
  assert.deepEqual(new Layout([3, 8], [], { wholeShape: [24] }).wholeDims, [0, 0]);
  assert.deepEqual(new Layout([2, 1, 3, 1], [], { wholeShape: [2, 3] }).wholeDims, [0, 1, 1, 1]);
  assert.deepEqual(new Layout([], []).wholeDims, []);
  assert.deepEqual(new Layout([4, 0, 2], []).wholeDims, [0, 1, 2]);
});

Deno.test("units and whole shapes that do not fit are refused", () => {
  assert.throws(() => layouts([3, 18], { dim: 1, size: 2, unit: 4 }), {
    name: "RangeError",
    message: /dim 1 of \[3,18\] between units of 4 indices as it has 18/,
  });
  assert.throws(
    () => layouts([3, 8], { dim: 1, size: 3, unit: 4 }),
    /over 3 ranks as it has only 2 units of 4 indices/,
  );
  for (const wholeShape of [[15, 7], [5, 3], [5, 3, 8, 1], [24, 5], []]) {
    assert.throws(
      () => layouts([5, 3, 8], { dim: 2, size: 2, wholeShape }),
      /Cannot view a tensor of \[5,3,8\] as \[.*\]: merge neighbouring dims/,
    );
  }
});

Deno.test("a stack whose matrices are several has them by themselves, however it is split", () => {
  const matrixShape = [5, 2, 3, 4];
  for (const layout of layouts([5, 6, 4], { dim: 0, size: 2, matrixShape })) {
    const { wholeShape, globalShape, localShape, splits } = layout.ofMatrices;
    assert.deepEqual([wholeShape, globalShape], [matrixShape, matrixShape]);
    assert.deepEqual(localShape, [layout.localShape[0], 2, 3, 4]);
    assert.deepEqual(splits, layout.splits);
  }
  const options = { dim: 2, size: 3, wholeShape: [5, 6, 4], matrixShape };
  for (const layout of layouts(matrixShape, options)) {
    assert.deepEqual(layout.wholeDims, [0, 1, 1, 2]);
    assert.deepEqual(layout.ofMatrices.wholeDims, [0, 1, 2, 3]);
    assert.deepEqual(layout.ofMatrices.localShape, layout.localShape);
  }
  const [plain] = layouts([4, 3], { dim: 0, size: 2 });
  assert.equal(plain.ofMatrices, plain);
});
