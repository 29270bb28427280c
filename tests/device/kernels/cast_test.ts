// Casts, bit by bit. f16 and bf16 have 2^16 elements each, so all are tried: widened to f32, and, with every point
// halfway to the next and its neighbours, as results of rounding.

import assert from "node:assert/strict";
import type { KernelParams } from "../../../src/device/kernels/registry.ts";
import { storageTypes, storedWords } from "../../../src/device/storage_types.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { accumulateCast, cast, decode, encode } from "../../reference/cast.ts";
import {
  checkKernel,
  type HostValues,
  type KernelCase,
} from "../../support/device/checked_kernel.ts";
import { ODD_LENGTHS, type RandomValues } from "../../support/device/random_values.ts";

const { f32, f16, bf16 } = storageTypes;
const HALVES = 2 ** 16;
const tolerance = {};

checkKernel("cast", {
  reference: cast,
  tolerance,
  cases: (random) => [
    ...[f16, bf16].flatMap((from) =>
      [f32, f16, bf16].map((to) => castAll(allHalves(), from, to, HALVES))
    ),
    ...[f16, bf16].map((to) => {
      const values = roundedAndBetween(to);
      return castAll(values, f32, to, values.length);
    }),
    ...[f32, f16, bf16].map((to) => castAll(randomWords(random, 40_001), f32, to, 40_001)),
    ...ranges((params) => ({ params, operands: rangeOperands(params, randomWords, random) })),
  ],
});

checkKernel("accumulate_cast", {
  reference: accumulateCast,
  tolerance,
  cases: (random) =>
    ranges((params) => ({ params, operands: rangeOperands(params, moderate, random) })),
});

Deno.test("the reference for f16 agrees with Float16Array on every element and every rounding", () => {
  const bitsOf = (value: number) => new Uint16Array(Float16Array.of(value).buffer)[0]!;
  for (let bits = 0; bits < HALVES; bits++) {
    const value = new Float16Array(Uint16Array.of(bits).buffer)[0]!;
    assert.ok(Object.is(decode(bits, f16), value), `decode(${bits})`);
  }
  for (const value of new Float32Array(roundedAndBetween(f16).buffer)) {
    assert.equal(encode(value, f16), bitsOf(value), `encode(${value})`);
  }
});

Deno.test("cast refuses an unknown storage type", () => {
  using device = wasmDevice();
  using x = device.allocate(16);
  using out = device.allocate(16);
  const params = { fromType: 0, toType: 0, fromOffset: 0, toOffset: 0, length: 2 };
  for (const name of ["fromType", "toType"]) {
    assert.throws(
      () => device.run("cast", { x, out }, { ...params, [name]: 3 }),
      new RegExp(`cast: parameter "${name}" must be one of storageTypes, .*"bf16":2.*, got 3`),
    );
  }
});

type Params = KernelParams<"cast">;
type Case = KernelCase<"cast">;

/** A cast of all of `x`, where out holds something else before. */
function castAll(x: HostValues, fromType: number, toType: number, length: number): Case {
  const out = new Uint32Array(storedWords(toType, length)).fill(0xa5a5a5a5);
  const params = { fromType, toType, fromOffset: 0, toOffset: 0, length };
  return { params, operands: { x, out } };
}

/** Every pair of types, every length, offsets that begin in either half of a word. */
function ranges(make: (params: Params) => Case): Case[] {
  const types = [f32, f16, bf16];
  return types.flatMap((fromType) =>
    types.flatMap((toType) =>
      [[0, 0], [1, 0], [2, 3], [3, 1]].flatMap(([fromOffset, toOffset]) =>
        ODD_LENGTHS.map((length) => make({ fromType, toType, fromOffset, toOffset, length }))
      )
    )
  );
}

/** Operands a little longer than the range. */
function rangeOperands(
  { fromType, toType, fromOffset, toOffset, length }: Params,
  words: (random: RandomValues, count: number, type: number) => Uint32Array<ArrayBuffer>,
  random: RandomValues,
): Case["operands"] {
  return {
    x: words(random, storedWords(fromType, fromOffset + length) + 1, fromType),
    out: words(random, storedWords(toType, toOffset + length) + 2, toType),
  };
}

/** All bit patterns, two to a word. */
function allHalves(): Uint32Array<ArrayBuffer> {
  return new Uint32Array(Uint16Array.from({ length: HALVES }, (_, bits) => bits).buffer);
}

/** f32 bits of every finite element of a type, of the point halfway to the next, and of that point's neighbours. */
function roundedAndBetween(type: number): Uint32Array<ArrayBuffer> {
  const words: number[] = [];
  for (let bits = 0; bits < HALVES; bits++) {
    const value = decode(bits, type);
    if (!Number.isFinite(value)) continue;
    const next = decode(bits + 1, type);
    // Beyond the largest, as if there were another.
    const step = Number.isFinite(next) ? next - value : value - decode(bits - 1, type);
    const between = encode(value + step / 2, f32);
    words.push(encode(value, f32), between - 1, between, between + 1);
  }
  return Uint32Array.from(words);
}

/** Any bits: every exponent, NaN and infinity too. */
function randomWords(random: RandomValues, count: number): Uint32Array<ArrayBuffer> {
  return random.indices(count, 2 ** 32);
}

/** Elements from -2 to 2, of which sums are neither subnormal nor infinite. */
function moderate(random: RandomValues, count: number, type: number): Uint32Array<ArrayBuffer> {
  const element = () => encode((random.next() < 0.5 ? -1 : 1) * (0.1 + 1.9 * random.next()), type);
  return Uint32Array.from(
    { length: count },
    () => type === f32 ? element() : element() + element() * 2 ** 16,
  );
}
