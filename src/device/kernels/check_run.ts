// Checks of every kernel call, on every device: operands that are long enough, parameters that are in range. So a mistake
// is an error with names and numbers, never memory corruption. And the count of what calls write, from which backward knows that a
// tensor has changed.

import type { Device, DeviceBuffer } from "../device.ts";
import { storageTypes } from "../storage_types.ts";
import type { Kernel, ParamFormat } from "./kernel.ts";
import { type KernelName, kernelNamed } from "./registry.ts";

/**
 * Checks one kernel call: every operand there, on `device`, not released, long enough, no written one bound twice; every
 * parameter there and in range.
 *
 * @throws {TypeError} for a missing operand, one of another device, or one bound twice.
 * @throws {RangeError} for an operand too small or a parameter out of range.
 */
export function checkRun(
  device: Device,
  call: {
    readonly kernel: KernelName;
    readonly bindings: Readonly<Record<string, DeviceBuffer | undefined>>;
    readonly params: Readonly<Record<string, number | undefined>>;
  },
): void {
  const { kernel, bindings, params } = call;
  const { operands, formats, rules } = checksOf(kernel);
  for (const [name, format] of formats) checkParam(kernel, name, format, params[name]);
  const values = params as Readonly<Record<string, number>>;
  for (const rule of rules) {
    const broken = rule(values);
    if (broken !== undefined) throw new RangeError(`${kernel}: ${broken}`);
  }
  for (const [name, operand] of operands) {
    const buffer = bindings[name];
    if (buffer === undefined) {
      throw new TypeError(
        `${kernel}: wanted a buffer for operand "${name}", got none: bind device.empty where it is absent`,
      );
    }
    if (buffer.device !== device) {
      throw new TypeError(
        `${kernel}: operand "${name}" belongs to another device (${buffer.device.description}): ` +
          `copy it to ${device.description} through the host first`,
      );
    }
    if (buffer.released) {
      throw new TypeError(
        `${kernel}: operand "${name}" is released: keep the buffer until its last use`,
      );
    }
    const bytes = 4 * operand.words(values);
    const isWritten = operand.access === "write";
    if (bytes > (isWritten && buffer === device.empty ? 0 : buffer.byteLength)) {
      throw new RangeError(
        `${kernel}: operand "${name}" wants ${bytes} bytes for ${JSON.stringify(params)}, ` +
          (buffer === device.empty ? "got device.empty" : `got ${buffer.byteLength}`),
      );
    }
    if (isWritten) checkBoundOnce(kernel, name, bindings);
  }
}

/** Adds one to `numWrites` of every operand that a checked call writes. */
export function countWrites(
  kernel: KernelName,
  bindings: Readonly<Record<string, DeviceBuffer>>,
): void {
  for (const name of checksOf(kernel).written) bindings[name].numWrites++;
}

type AnyKernel = Kernel<string, string>;

/** An entry as arrays. */
interface Checks {
  readonly operands: readonly (readonly [name: string, operand: AnyKernel["operands"][string]])[];
  /** Names of those that are written. */
  readonly written: readonly string[];
  readonly formats: readonly (readonly [name: string, format: ParamFormat])[];
  readonly rules: NonNullable<AnyKernel["rules"]>;
}

/** A kernel's entry as arrays, made once. */
function checksOf(kernel: KernelName): Checks {
  const known = checksByKernel.get(kernel);
  if (known !== undefined) return known;
  const { operands, params, rules = [] } = kernelNamed(kernel);
  const all = Object.entries(operands);
  const written = all.filter(([, { access }]) => access === "write").map(([name]) => name);
  const checks = { operands: all, written, formats: Object.entries(params), rules };
  checksByKernel.set(kernel, checks);
  return checks;
}

function checkParam(
  kernel: KernelName,
  name: string,
  format: ParamFormat,
  value: number | undefined,
): void {
  const isValid = format === "f32"
    ? typeof value === "number"
    : Number.isInteger(value) && value! >= 0 && value! <= largest[format];
  if (!isValid) {
    throw new RangeError(`${kernel}: parameter "${name}" must be ${wanted[format]}, got ${value}`);
  }
}

function checkBoundOnce(
  kernel: KernelName,
  name: string,
  bindings: Readonly<Record<string, DeviceBuffer | undefined>>,
): void {
  for (const other in bindings) {
    if (other !== name && bindings[other] === bindings[name]) {
      throw new TypeError(
        `${kernel}: operand "${name}" is written and also bound as "${other}": use another buffer for one of them`,
      );
    }
  }
}

const checksByKernel = new Map<KernelName, Checks>();

const largest: Readonly<Record<Exclude<ParamFormat, "f32">, number>> = {
  u32: 2 ** 32 - 1,
  flag: 1,
  storageType: Math.max(...Object.values(storageTypes)),
};

const wanted: Readonly<Record<ParamFormat, string>> = {
  f32: "a number",
  u32: "an integer from 0 to 2^32 - 1",
  flag: "0 or 1",
  storageType: `one of storageTypes, ${JSON.stringify(storageTypes)}`,
};
