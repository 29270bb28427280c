// Compares an op with its plain float64 reference: its values, and its gradients with central finite differences of that reference. The
// loss is sum(y * w) with random w, so that a wrong sign or a transposed gradient cannot cancel out.
//
//   dx[i]  against  (L(x + h e_i) - L(x - h e_i)) / 2h,  in float64        (error of the difference: about h^2 = 1e-10)

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { RandomSource } from "../../../src/nn/philox.ts";
import { mul } from "../../../src/ops/mul.ts";
import { sum } from "../../../src/ops/sum.ts";
import type { FloatType } from "../../../src/tensor/dtype.ts";
import { elementCount } from "../../../src/tensor/shape.ts";
import { type FloatTensor, Tensor } from "../../../src/tensor/tensor.ts";
import { decode, encode } from "../../reference/cast.ts";
import { assertClose, largestOf } from "../assert_close.ts";

/** An op and its reference. */
export interface GradientCheck {
  /** Shapes of the operands that have a gradient. */
  readonly shapes: readonly (readonly number[])[];
  /** The op under test, on tensors of these shapes. */
  readonly op: (...inputs: FloatTensor[]) => Tensor | Promise<Tensor>;
  /** The reference in float64, on row-major values. */
  readonly reference: (...inputs: number[][]) => number[];
  /** How each operand is stored; its gradient is rounded to the same type. Default: f32. */
  readonly dtypes?: readonly FloatType[];
  /** Largest accepted error, relative to the largest expected value. Default: 2e-6. */
  readonly tolerance?: number;
}

/** @throws {AssertionError} if a value or a gradient of the op differs from the reference's. */
export async function checkGradients(device: Device, check: GradientCheck): Promise<void> {
  const { shapes, op, reference, tolerance = 2e-6 } = check;
  const dtypes = shapes.map((_, i) => check.dtypes?.[i] ?? "f32");
  const random = new RandomSource(7);
  const values = shapes.map((shape, i) =>
    randomValues(elementCount(shape), random).map((value) => stored(value, dtypes[i]))
  );
  const inputs = values.map((each, i) =>
    Tensor.from(device, each, { shape: shapes[i], dtype: dtypes[i], requiresGrad: true })
  );
  const y = await op(...inputs);
  const expected = reference(...values);
  assert.equal(y.dtype, "f32");
  assertWithin(await y.data(), expected, { tolerance, what: "y" });
  const weights = randomValues(y.length, random);
  using w = Tensor.from(device, weights, { shape: y.shape });
  using loss = sum(mul(y, w));
  await loss.backward();
  const lossOf = (changed: number[][]) =>
    reference(...changed).reduce((total, value, i) => total + value * weights[i], 0);
  for (const [i, input] of inputs.entries()) {
    const gradient = input.grad!;
    assert.equal(gradient.dtype, dtypes[i]);
    assertWithin(await gradient.data(), differences(lossOf, values, i), {
      tolerance: tolerance + largestRounding[dtypes[i]],
      what: `gradient of operand ${i}`,
    });
    input[Symbol.dispose]();
  }
}

/** The number nearest to `value` that `dtype` can hold. */
function stored(value: number, dtype: FloatType): number {
  return decode(encode(value, storageTypes[dtype]), storageTypes[dtype]);
}

/** `count` numbers in [-2, 2), exact in f32. */
export function randomValues(count: number, random: RandomSource): number[] {
  const stream = random.stream();
  return Array.from({ length: count }, (_, i) => stream.uniform(i) * 4 - 2);
}

/** Fails unless all values are within `tolerance` times the largest expected one (at least 1). */
export function assertWithin(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { tolerance, what }: { readonly tolerance: number; readonly what: string },
): void {
  const largest = Math.max(1, largestOf(expected));
  assertClose(actual, expected, { ofLargest: tolerance, largest, name: what });
}

export function differences(
  lossOf: (values: number[][]) => number,
  values: readonly number[][],
  which: number,
): number[] {
  const h = 1e-5;
  return values[which].map((value, i) => {
    const shifted = (by: number) =>
      values.map((each, k) => k === which ? each.with(i, value + by) : each);
    return (lossOf(shifted(h)) - lossOf(shifted(-h))) / (2 * h);
  });
}

/** Of a stored gradient, relative to itself. */
const largestRounding: Readonly<Record<FloatType, number>> = {
  f32: 0,
  f16: 2 ** -11,
  bf16: 2 ** -8,
};
