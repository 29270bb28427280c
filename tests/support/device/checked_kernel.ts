// Tests a kernel: the same operands go to its float64 reference and to a device, and every operand is compared, those
// that are only read too (they must come back as they went). Written operands begin with what the case gives them, so a
// kernel that did nothing, or wrote beside its range, would fail. Elements of 16 bits may be one unit of their format off:
// where a float64 and an f32 are on two sides of a tie, they are rounded differently.

import assert from "node:assert/strict";
import { storageTypes } from "../../../src/device/storage_types.ts";
import type { Device, DeviceBuffer, KernelBindings } from "../../../src/device/device.ts";
import {
  type KernelName,
  type KernelParams,
  kernels,
} from "../../../src/device/kernels/registry.ts";
import { requestDevice } from "../../../src/device/request_device.ts";
import type { Reference, Values } from "../../reference/reference.ts";
import { widened } from "../../reference/storage.ts";
import { assertClose } from "../assert_close.ts";
import { RandomValues } from "./random_values.ts";
import { webgpuTest } from "./webgpu_adapter.ts";

/** Host data of one operand. */
export type HostValues = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Operands, as they are before the call, and parameters. */
export interface KernelCase<K extends KernelName> {
  readonly operands: { readonly [O in keyof KernelBindings<K>]: HostValues };
  readonly params: KernelParams<K>;
}

/** Allowed error of a value: `relative` of itself plus `ofLargest` of the operand's largest value. */
export interface Tolerance {
  readonly relative?: number;
  readonly ofLargest?: number;
}

/** Registers tests of `kernel`: each device against the reference, and the devices against each other. */
export function checkKernel<K extends KernelName>(
  kernel: K,
  options: {
    readonly reference: Reference<NoInfer<K>>;
    readonly tolerance: Tolerance;
    readonly cases: (random: RandomValues) => KernelCase<K>[];
    /** Which cases these are, if a kernel has several sets. */
    readonly about?: string;
  },
): void {
  const { reference, tolerance, cases } = options;
  const name = [kernel, options.about].filter(Boolean).join(" ");
  const againstReference = async (kind: "wasm" | "webgpu") => {
    using device = await requestDevice({ kind });
    for (const kernelCase of cases(new RandomValues(SEED))) {
      const got = await runOnDevice(device, kernel, kernelCase);
      assertOperandsClose(got, {
        want: runReference(reference, kernel, kernelCase),
        tolerance,
        kernelCase,
      });
    }
    assert.equal(device.statistics().liveBytes, 0);
  };
  Deno.test(`${name} on wasm equals its float64 reference`, () => againstReference("wasm"));
  webgpuTest(`${name} on webgpu equals its float64 reference`, () => againstReference("webgpu"));
  webgpuTest(`${name} gives the same on webgpu as on wasm`, async () => {
    using webgpu = await requestDevice({ kind: "webgpu" });
    using wasm = await requestDevice({ kind: "wasm" });
    for (const kernelCase of cases(new RandomValues(SEED))) {
      const want = await runOnDevice(wasm, kernel, kernelCase);
      const got = await runOnDevice(webgpu, kernel, kernelCase);
      assertOperandsClose(got, { want, tolerance, kernelCase });
    }
  });
}

/** Every operand after the call, as float64. */
export async function runOnDevice<K extends KernelName>(
  device: Device,
  kernel: K,
  kernelCase: KernelCase<K>,
): Promise<Record<string, Float64Array>> {
  const { params } = kernelCase;
  const operands: Record<string, HostValues> = kernelCase.operands;
  using stack = new DisposableStack();
  const buffers: Record<string, DeviceBuffer> = {};
  for (const [name, values] of Object.entries(operands)) {
    buffers[name] = stack.use(device.allocate(values.byteLength));
    device.write(buffers[name], values);
  }
  device.run(kernel, buffers as KernelBindings<K>, params);
  const after: Record<string, Float64Array> = {};
  for (const [name, values] of Object.entries(operands)) {
    const { buffer } = await device.read(buffers[name]!);
    after[name] = Float64Array.from(
      values instanceof Float32Array ? new Float32Array(buffer) : new Uint32Array(buffer),
    );
  }
  return after;
}

/** Every operand after the reference, as float64. */
export function runReference<K extends KernelName>(
  reference: Reference<K>,
  kernel: K,
  kernelCase: KernelCase<K>,
): Record<string, Float64Array> {
  const operands: Record<string, HostValues> = kernelCase.operands;
  const values: Record<string, Float64Array> = {};
  for (const [name, data] of Object.entries(operands)) values[name] = Float64Array.from(data);
  // The device takes f32 parameters, so the reference does too.
  const types: Record<string, string> = kernels[kernel].params;
  const params: Record<string, number> = { ...kernelCase.params };
  for (const name in params) {
    if (types[name] === "f32") params[name] = Math.fround(params[name]!);
  }
  reference(values as unknown as Values<K>, params as KernelParams<K>);
  return values;
}

function assertOperandsClose<K extends KernelName>(
  got: Readonly<Record<string, Float64Array>>,
  expected: {
    readonly want: Readonly<Record<string, Float64Array>>;
    readonly tolerance: Tolerance;
    readonly kernelCase: KernelCase<K>;
  },
): void {
  const { want, tolerance, kernelCase } = expected;
  for (const [operand, values] of Object.entries(want)) {
    const types: Readonly<Record<string, number>> = kernelCase.params;
    if ((types[`${operand}Type`] ?? storageTypes.f32) !== storageTypes.f32) {
      assertHalvesClose(operand, { ...expected, got: got[operand]!, want: values });
      continue;
    }
    const name = `${operand} with ${JSON.stringify(kernelCase.params)}`;
    assertClose(got[operand], values, { ...tolerance, equalNaN: true, name });
  }
}

/** Operands of 16-bit elements, two to a word. Those beside each other in the format count as close. */
function assertHalvesClose<K extends KernelName>(
  operand: string,
  { got, want, tolerance, kernelCase }: {
    readonly got: Float64Array;
    readonly want: Float64Array;
    readonly tolerance: Tolerance;
    readonly kernelCase: KernelCase<K>;
  },
): void {
  const params: Readonly<Record<string, number>> = kernelCase.params;
  const type = params[`${operand}Type`]!;
  const [gotHalves, wantHalves] = [got, want].map((words) =>
    new Uint16Array(Uint32Array.from(words).buffer)
  );
  // In the order of the numbers, both zeros at one place.
  const place = (bits: number) => bits & 0x8000 ? -(bits & 0x7fff) : bits;
  const values = Float64Array.from(wantHalves!, (bits) => widened(bits, type));
  const largest = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  wantHalves!.forEach((bits, i) => {
    const gotBits = gotHalves![i]!;
    if (Math.abs(place(gotBits) - place(bits)) <= 1) return;
    const error = Math.abs(widened(gotBits, type) - values[i]!);
    // Near zero an error that is small beside the terms of a difference is many units.
    if (error <= (tolerance.ofLargest ?? 0) * largest) return;
    assert.fail(
      `${operand}[${i}]: wanted the bits 0x${bits.toString(16)} or a neighbour, got ` +
        `0x${gotBits.toString(16)} with ${JSON.stringify(kernelCase.params)}`,
    );
  });
}

const SEED = 1;
