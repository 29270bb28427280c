// The comparison itself: what is within the tolerance passes, what is beyond is reported by element.

import assert from "node:assert/strict";
import { assertClose, largestOf } from "./assert_close.ts";

Deno.test("assertClose() allows the sum of its terms and no more", () => {
  const expected = [1, -100];
  assertClose([1.5, -100.5], expected, { absolute: 0.5 });
  assertClose([1.25, -125], expected, { relative: 0.25 });
  assertClose([26, -125], expected, { ofLargest: 0.25 });
  assertClose([2.75, -126.5], expected, { absolute: 1.5, relative: 0.25 });
  assertClose([3, -98], expected, { ofLargest: 0.5, largest: 4 });
  for (
    const [actual, tolerance] of [
      [[1, -100.51], { absolute: 0.5 }],
      [[1.26, -100], { relative: 0.25 }],
      [[26.1, -100], { ofLargest: 0.25 }],
      [[3.1, -100], { ofLargest: 0.5, largest: 4 }],
      [[1 + 1e-15, -100], {}],
    ] as const
  ) {
    assert.throws(
      () => assertClose(actual, expected, tolerance),
      /^AssertionError.*1 of 2 elements/,
    );
  }
});

Deno.test("assertClose() says where arrays first differ, by how much, how many do, and where most", () => {
  assert.throws(
    () =>
      assertClose({ a: [1, 2.5, 3, 9] }, { a: [1, 2, 3, 4] }, { absolute: 0.125, name: "loss" }),
    {
      message: "loss.a: 2 of 4 elements differ, first [1] is 2.5 instead of 2 (off by 0.5, " +
        "allowed 0.125), most [3] is 9 instead of 4 (off by 5, allowed 0.125)",
    },
  );
});

Deno.test("assertClose() lets NaN pass only where it is asked to, and infinity only beside itself", () => {
  const loose = { absolute: 1e9, relative: 1, ofLargest: 1 };
  assert.throws(() => assertClose([NaN], [NaN], loose), /NaN instead of NaN/);
  assertClose([NaN, 1], [NaN, 1], { ...loose, equalNaN: true });
  assertClose([Infinity, -Infinity], [Infinity, -Infinity], {});
  for (const [x, y] of [[NaN, 1], [1, NaN], [1, Infinity], [Infinity, 1], [-Infinity, Infinity]]) {
    assert.throws(() => assertClose([x], [y], { ...loose, equalNaN: true }), /off by Infinity/);
  }
  assert.throws(() => assertClose([Infinity, 3], [Infinity, 1], { ofLargest: 1 }), /\[1\] is 3/);
});

Deno.test("assertClose() takes another type of array, and refuses another length", () => {
  assertClose(Float32Array.of(0.1), [0.1], { relative: 1e-7 });
  assertClose([0.1], Float64Array.of(0.1), {});
  assert.throws(() => assertClose([1], [1, 2], { absolute: 9 }), /1 elements instead of 2/);
  assert.throws(() => assertClose({ a: [1] }, { b: [1] }, { absolute: 9 }), /missing "b"/);
});

Deno.test("assertClose() gives the largest error as a part of what was allowed", () => {
  assert.equal(assertClose({ a: [1.25], b: [2.5] }, { a: [1], b: [2] }, { absolute: 1 }), 0.5);
  assert.equal(assertClose([1], [1], {}), 0);
});

Deno.test("assertClose() reports 16 million elements in one short line", () => {
  const length = 1 << 24;
  const [zeros, ones] = [new Float32Array(length), new Float32Array(length).fill(1)];
  assert.throws(() => assertClose(ones, zeros, { absolute: 0.5 }), {
    message: `${length} of ${length} elements differ, first [0] is 1 instead of 0 (off by 1, ` +
      "allowed 0.5), the largest difference",
  });
});

Deno.test("largestOf() gives the largest finite size", () => {
  assert.equal(largestOf([1, -3, NaN, Infinity, 2]), 3);
  assert.equal(largestOf(new Float32Array(0)), 0);
});
