import assert from "node:assert/strict";
import { philox, RandomSource } from "../../src/nn/philox.ts";
import { assertOtherBits, assertSameBits } from "../support/assert_same_bits.ts";

Deno.test("philox() returns the known answers of Random123", () => {
  const out = new Uint32Array(4);
  const hex = () => [...out].map((word) => word.toString(16).padStart(8, "0")).join(" ");
  philox(out, [0, 0, 0, 0], [0, 0]);
  assert.equal(hex(), "6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  const ones = 0xffffffff;
  philox(out, [ones, ones, ones, ones], [ones, ones]);
  assert.equal(hex(), "408f276d 41c83b0e a20bc7c6 6d5451fd");
  philox(out, [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
  assert.equal(hex(), "d16cfe09 94fdcceb 5001e420 24126ea1");
});

Deno.test("a RandomStream is a function of seed, stream and position alone", () => {
  const [first, second] = [new RandomSource(5), new RandomSource(5)];
  const [a, b] = [first.stream(), first.stream()];
  const again = second.stream();
  const forwards = Array.from({ length: 101 }, (_, i) => a.uniform(i));
  const backwards = Array.from({ length: 101 }, (_, i) => again.uniform(100 - i)).reverse();
  assertSameBits(forwards, backwards);
  assertOtherBits(forwards, Array.from({ length: 101 }, (_, i) => b.uniform(i)));
  const other = new RandomSource(6).stream();
  assertOtherBits(forwards, Array.from({ length: 101 }, (_, i) => other.uniform(i)));
  assert.notEqual(a.uniform(2 ** 34), a.uniform(0));
});

Deno.test("uniform() and normal() have the mean and variance of their distributions", () => {
  const stream = new RandomSource(1).stream();
  const count = 20_000;
  for (
    const { draw, mean, deviation } of [
      { draw: (i: number) => stream.uniform(i), mean: 0.5, deviation: Math.sqrt(1 / 12) },
      { draw: (i: number) => stream.normal(i), mean: 0, deviation: 1 },
    ]
  ) {
    const values = Array.from({ length: count }, (_, i) => draw(i));
    const average = values.reduce((sum, value) => sum + value, 0) / count;
    const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / count;
    assert.ok(Math.abs(average - mean) < 4 * deviation / Math.sqrt(count));
    assert.ok(Math.abs(Math.sqrt(variance) - deviation) < 0.02 * deviation);
  }
});

Deno.test("RandomSource refuses a seed that is not a u32", () => {
  for (const seed of [-1, 0.5, 2 ** 32, NaN]) {
    assert.throws(() => new RandomSource(seed), { name: "RangeError", message: /seed/ });
  }
});
