// Checks that every op makes of its operands before it calls a kernel, and operands converted to f32, as kernels take them. Results
// of ops are f32, however the operands are stored.

import { type DType, isFloatType } from "../tensor/dtype.ts";
import { kindOf } from "../tensor/argument_checks.ts";
import { described } from "../tensor/option_names.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";

/** @throws {TypeError} if `operand` of `op` is no tensor; says what it is, and what to do. */
export function checkTensor(op: string, name: string, operand: unknown): void {
  if (operand instanceof Tensor) return;
  throw new TypeError(`${op}() wants a tensor for ${name}, got ${described(operand)}`);
}

/** @throws {TypeError} if the operands of `op` are no tensors, or on different devices. */
export function checkSameDevice(
  op: string,
  first: Tensor<DType>,
  ...others: Tensor<DType>[]
): void {
  checkTensor(op, "operand 1", first);
  for (let i = 0; i < others.length; i++) {
    checkTensor(op, `operand ${i + 2}`, others[i]);
    const { device } = others[i]!;
    if (device !== first.device) {
      throw new TypeError(
        `${op}() wants operands on one device, got two (${first.device.description}; ${device.description}): ` +
          "make all tensors and the model on the device of one requestDevice()",
      );
    }
  }
}

/** @throws {TypeError} if an operand of `op` is no tensor of f32, f16 or bf16; says what it is, and what to do. */
export function checkFloats(op: string, operands: Readonly<Record<string, unknown>>): void {
  for (const name in operands) {
    const operand = operands[name];
    checkTensor(op, name, operand);
    const { dtype } = operand as Tensor<DType>;
    if (isFloatType(dtype)) continue;
    throw new TypeError(
      `${op}() wants ${name} in f32, f16 or bf16, got ${dtype}: indices are no numbers to compute with`,
    );
  }
}

/** @throws {TypeError} if an operand of `op` is no tensor of u32; says what it is, and how indices are made. */
export function checkU32(op: string, name: string, operand: unknown): void {
  if (operand instanceof Tensor && operand.dtype === "u32") return;
  const got = operand instanceof Tensor
    ? operand.dtype
    : operand instanceof Promise
    ? "a promise (await it first)"
    : kindOf(operand);
  throw new TypeError(
    `${op}() wants a u32 tensor for ${name}, got ${got}: labels and indices are ` +
      'Tensor.from(device, [...], { dtype: "u32" })',
  );
}

/** @throws {TypeError} if `numbers` of `op` are no array. */
export function checkNumbers(op: string, name: string, numbers: unknown): void {
  if (Array.isArray(numbers) && numbers.every((each) => typeof each === "number")) return;
  throw new TypeError(
    `${op}() wants an array of numbers for ${name}, such as [2, 3], got ${
      Array.isArray(numbers)
        ? `one with ${kindOf(numbers.find((each) => typeof each !== "number"))}`
        : kindOf(numbers)
    }`,
  );
}

/** @throws {RangeError} if the operands of `op` differ in shape, or {TypeError} in device. */
export function checkSameShape(op: string, a: FloatTensor, b: FloatTensor): void {
  checkSameDevice(op, a, b);
  if (!sameShape(a.shape, b.shape)) {
    throw new RangeError(
      `${op}() wants two operands of the same shape, got ${formatShape(a.shape)} and ${
        formatShape(b.shape)
      }: reshape() one if they hold the same elements`,
    );
  }
}

/**
 * Calls `compute` with the operands in f32. An operand of 16 bits is converted for this call only, and once more for the gradient:
 * what is kept from forward to backward has half the size.
 */
export function inF32<Operands extends readonly (FloatTensor | undefined)[], Result>(
  operands: readonly [...Operands],
  compute: (...f32: InF32<Operands>) => Result,
): Result {
  const temporary: Tensor[] = [];
  const f32 = operands.map((x) => {
    if (x === undefined || x.dtype === "f32") return x;
    const widened = x.copyAs("f32");
    temporary.push(widened);
    return widened;
  });
  try {
    return compute(...f32 as InF32<Operands>);
  } finally {
    for (const widened of temporary) widened.release();
  }
}

/** The same operands, as f32; absent ones stay absent. */
type InF32<Operands extends readonly (FloatTensor | undefined)[]> = {
  [I in keyof Operands]: undefined extends Operands[I] ? Tensor | undefined : Tensor;
};
