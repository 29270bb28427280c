// A kernel called in Rust: operands as pointers, then parameters, in the order of the kernel's entry.
//
// A kernel that works on consecutive blocks takes its parameters by a pointer to their words, as there are many of them.

import type { DeviceBuffer } from "../device.ts";
import { type KernelName, kernelNamed } from "../kernels/registry.ts";
import type { WasmBuffer } from "./buffer.ts";
import { bytesAt, rustKernels } from "./rust_kernels.ts";

/** Size of the memory that {@linkcode callKernel} needs for parameters. */
export const PARAMS_BYTES = 256;

/** One call. */
export interface KernelCall {
  /** Buffers of a wasm device by operand name. */
  readonly bindings: Readonly<Record<string, DeviceBuffer>>;
  /** Parameter values by name. */
  readonly params: Readonly<Record<string, number>>;
  /** Address of `PARAMS_BYTES` of memory for the words of parameters. */
  readonly paramsPointer: number;
}

/** Calls a kernel, of which everything was checked. */
export function callKernel(kernel: KernelName, call: KernelCall): void {
  const { operands, params, byPointer } = signature(kernel);
  const args: number[] = [];
  for (const operand of operands) args.push((call.bindings[operand] as WasmBuffer).pointer);
  if (byPointer) args.push(writeParams(params, call));
  else for (const { name } of params) args.push(call.params[name]!);
  rustKernels[kernel](...args);
}

/** Writes the words of parameters and returns their address. */
function writeParams(params: Signature["params"], call: KernelCall): number {
  const pointer = call.paramsPointer;
  const words = new DataView(bytesAt(pointer, PARAMS_BYTES).buffer, pointer, PARAMS_BYTES);
  params.forEach(({ name, isFloat }, at) => {
    if (isFloat) words.setFloat32(4 * at, call.params[name]!, true);
    else words.setUint32(4 * at, call.params[name]!, true);
  });
  return pointer;
}

/** A kernel's arguments, in order. */
interface Signature {
  readonly operands: readonly string[];
  readonly params: readonly { readonly name: string; readonly isFloat: boolean }[];
  readonly byPointer: boolean;
}

/** The signature of a kernel, made once. */
function signature(kernel: KernelName): Signature {
  const known = signatures.get(kernel);
  if (known !== undefined) return known;
  const { operands, params } = kernelNamed(kernel);
  const made = {
    operands: Object.keys(operands),
    params: Object.entries(params).map(([name, format]) => ({ name, isFloat: format === "f32" })),
    byPointer: "blocks" in operands,
  };
  signatures.set(kernel, made);
  return made;
}

const signatures = new Map<KernelName, Signature>();
