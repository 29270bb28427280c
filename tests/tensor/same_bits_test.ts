// The comparison itself: equal bits pass, one other bit does not, and long arrays that differ everywhere end at once.

import assert from "node:assert/strict";
import { assertSameBits } from "../support/tensor/same_bits.ts";

Deno.test("assertSameBits() takes equal bits only, NaN and the sign of zero included", () => {
  assertSameBits(Float32Array.of(1, NaN, -0), Float32Array.of(1, NaN, -0));
  assert.throws(
    () => assertSameBits(Float32Array.of(1, 2, -0), Float32Array.of(1, 2, 0)),
    /1 of 3 elements differ, first element 2/,
  );
  assert.throws(() => assertSameBits(new Float32Array(2), new Float32Array(3)), /lengths differ/);
});

Deno.test("assertSameBits() says in one line how long arrays differ", () => {
  const values = Float32Array.from({ length: 500_000 }, (_, index) => Math.sin(index));
  assert.throws(() => assertSameBits(values, values.map((value) => value + 1)), {
    message: /^500000 of 500000 elements differ, first element 0: 0 came, 1 was wanted$/,
  });
});
