// The compiled Rust: its kernels, and its memory. The only file that imports rust_kernels.
//
// There is one WASM memory per process. It may grow in any call, which detaches views of it, so a view is used for one
// statement only. It never shrinks, and ends at 4 GiB.

import { memory } from "../../../rust_kernels/pkg/rust_kernels_bg.wasm";
import * as rust from "../../../rust_kernels/pkg/rust_kernels.js";
import type { KernelName } from "../kernels/registry.ts";

/** The export of every kernel: operands as pointers, then parameters. Compiled only if each kernel of the registry has one. */
export const rustKernels: Readonly<Record<KernelName, (...args: number[]) => void>> = rust;

/** There is no WASM memory for a piece of this size. */
export class OutOfWasmMemory extends Error {}

/** Allocates WASM memory, 16-byte aligned. Contents are undefined. Throws {@linkcode OutOfWasmMemory}. */
export function allocatePiece(byteLength: number): number {
  // Rust takes the size as 32 bits: a larger one would wrap around.
  const pointer = byteLength <= MAX_PIECE_BYTES ? rust.allocate(byteLength) : 0;
  if (pointer === 0) {
    throw new OutOfWasmMemory(
      `Out of WASM memory: wanted ${byteLength} bytes beside the ${memory.buffer.byteLength} that the process ` +
        `has grown to (at most 4 GiB, ${MAX_PIECE_BYTES} in one buffer): use smaller batches, more ranks or webgpu`,
    );
  }
  return pointer;
}

/** Frees a piece from {@linkcode allocatePiece} of the same size. */
export function freePiece(pointer: number, byteLength: number): void {
  rust.release(pointer, byteLength);
}

/** A view of WASM memory, valid until the next call into WASM. */
export function bytesAt(pointer: number, byteLength: number): Uint8Array {
  return new Uint8Array(memory.buffer, pointer, byteLength);
}

const MAX_PIECE_BYTES = 2 ** 31 - 65536;
