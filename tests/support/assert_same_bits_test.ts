// The comparison itself: equal bits pass, one other bit does not, and long arrays that differ everywhere are reported at once.

import assert from "node:assert/strict";
import { assertOtherBits, assertSameBits } from "./assert_same_bits.ts";

/** The message of what `run` throws. */
function complaint(run: () => void): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof assert.AssertionError, String(error));
    return error.message;
  }
  assert.fail("nothing was thrown");
}

Deno.test("assertSameBits() takes equal bits only, NaN and the sign of zero included", () => {
  for (const type of [Float32Array, Float64Array, Float16Array]) {
    assertSameBits(type.of(1, NaN, -0), type.of(1, NaN, -0));
    assert.equal(
      complaint(() => assertSameBits(type.of(1, 2, -0), type.of(1, 2, 0))),
      "1 of 3 elements differ, first [2] is -0 instead of 0 (off by 0), the largest difference",
    );
    assert.match(complaint(() => assertSameBits(type.of(NaN), type.of(1))), /off by Infinity/);
  }
});

Deno.test("assertSameBits() sees every bit of every type", () => {
  const types = [Float64Array, Float32Array, Float16Array, Uint32Array, Int32Array, Uint16Array];
  for (const type of [...types, Int16Array, Uint8Array, Int8Array]) {
    const one = new type(5);
    const bytes = new Uint8Array(one.buffer);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const other = one.slice();
      new Uint8Array(other.buffer)[bit >> 3] ^= 1 << (bit & 7);
      const at = Math.floor((bit >> 3) / one.BYTES_PER_ELEMENT);
      assert.match(
        complaint(() => assertSameBits(other, one)),
        new RegExp(`^1 of 5 elements differ, first \\[${at}\\]`),
      );
    }
    assertSameBits(one.subarray(1), one.slice(1));
  }
});

Deno.test("assertSameBits() says where arrays first differ, by how much, how many do, and where most", () => {
  const expected = Float64Array.of(1, 2, 3, 4, 5);
  assert.equal(
    complaint(() => assertSameBits(Float64Array.of(1, 2.5, 3, 40, 5), expected, "weights")),
    "weights: 2 of 5 elements differ, first [1] is 2.5 instead of 2 (off by 0.5), " +
      "most [3] is 40 instead of 4 (off by 36)",
  );
});

Deno.test("assertSameBits() takes a list of numbers for a typed array of exactly these", () => {
  assertSameBits(Float32Array.of(0.5, NaN), [0.5, NaN]);
  assert.match(complaint(() => assertSameBits(Float32Array.of(0.1), [0.1])), /1 of 1/);
  assert.equal(
    complaint(() => assertSameBits(new Float32Array(2), new Uint32Array(2), "w")),
    "w: Float32Array instead of Uint32Array",
  );
});

Deno.test("assertSameBits() names what differs in records, maps and lists", () => {
  const state = (step: number, means: number[]) => ({
    values: [Float32Array.of(1, 2), Float32Array.of(3)],
    state: new Map([["w", { step, rowMeans: Float32Array.from(means), momentum: undefined }]]),
  });
  assertSameBits(state(3, [4, 5]), state(3, [4, 5]));
  assert.equal(
    complaint(() => assertSameBits(state(3, [4, 6]), state(3, [4, 5]), "rank 1")),
    "rank 1.state.w.rowMeans: 1 of 2 elements differ, first [1] is 6 instead of 5 (off by 1), " +
      "the largest difference",
  );
  assert.match(
    complaint(() => assertSameBits(state(2, [4, 6]), state(3, [4, 5]))),
    /^2 of 4 arrays differ:\n {2}state\.w\.step: 1 of 1 .*\n {2}state\.w\.rowMeans: 1 of 2 /,
  );
});

Deno.test("assertSameBits() reports names, lengths and types that do not fit", () => {
  const cases: [unknown, unknown, string][] = [
    [new Float32Array(2), new Float32Array(3), "x: 2 elements instead of 3"],
    [{ a: [1] }, { a: [1], b: [2] }, 'x: missing "b"'],
    [{ a: [1], b: [2] }, { a: [1] }, 'x: unexpected "b"'],
    [{ a: undefined }, {}, 'x: unexpected "a"'],
    [[[1], [2]], [[1]], "x: 2 entries instead of 1"],
    [[], [[1]], "x: 0 entries instead of 1"],
    [{ a: undefined }, { a: [1] }, "x.a: nothing instead of numbers"],
    [{ a: "b" }, { a: "c" }, "x.a: b instead of c"],
  ];
  for (const [actual, expected, message] of cases) {
    assert.equal(complaint(() => assertSameBits(actual, expected, "x")), message);
  }
});

Deno.test("assertSameBits() refuses what has no numbers, such as a promise that was not awaited", () => {
  for (const value of [Promise.resolve([1]), new Set([1]), () => 1]) {
    assert.throws(
      () => assertSameBits({ a: value }, { a: value }),
      /^TypeError: a: cannot compare/,
    );
  }
});

Deno.test("assertSameBits() shows ten of many arrays that differ", () => {
  const arrays = (value: number) => Array.from({ length: 300 }, () => Float32Array.of(value));
  const message = complaint(() => assertSameBits(arrays(1), arrays(2)));
  assert.match(message, /^300 of 300 arrays differ:\n/);
  assert.match(message, /and 290 more$/);
  assert.equal(message.split("\n").length, 12);
});

Deno.test("assertSameBits() reads each element of a list at most six times", () => {
  let reads = 0;
  const counted = new Proxy(Array.from({ length: 10_000 }, (_, k) => k), {
    get(target, key, receiver) {
      if (typeof key === "string" && /^\d+$/.test(key)) reads++;
      return Reflect.get(target, key, receiver);
    },
  });
  complaint(() => assertSameBits(counted, new Array(10_000).fill(-1)));
  assert.ok(reads <= 6 * 10_000, `${reads} reads`);
});

Deno.test("assertSameBits() reports 16 million elements that differ in one short line, without copies", () => {
  const length = 1 << 24;
  const [zeros, ones] = [new Float32Array(length), new Float32Array(length).fill(1)];
  const held = () => {
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  const message = complaint(() => assertSameBits(ones, zeros));
  assert.ok(held() - before < zeros.byteLength / 4, `${held() - before} bytes were allocated`);
  assert.equal(
    message,
    `${length} of ${length} elements differ, first [0] is 1 instead of 0 (off by 1), ` +
      "the largest difference",
  );
});

Deno.test("assertOtherBits() wants a difference, of bits or of structure", () => {
  assertOtherBits({ a: [1, 0] }, { a: [1, -0] });
  assertOtherBits({ a: [1] }, { a: [1, 2] });
  assert.equal(
    complaint(() => assertOtherBits([Float32Array.of(1, 2)], [Float32Array.of(1, 2)], "shards")),
    "shards: all 2 elements have the same bits, and should not",
  );
});
