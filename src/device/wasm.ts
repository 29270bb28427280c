// The WASM device: kernels in Rust with 128-bit SIMD, on the CPU, where no driver is needed.
//
// A buffer is a piece of the one WASM memory; a kernel is a synchronous call with pointers, made from its entry in
// kernels/; one that works on a run of blocks takes its parameters by a pointer too. The memory may grow in any call, which detaches views of it, so a view lives for one statement only.
// It never shrinks and ends at 4 GiB; several devices of one process share it.

import { memory } from "../../rust_kernels/pkg/rust_kernels_bg.wasm";
import * as rust from "../../rust_kernels/pkg/rust_kernels.js";
import type { Device, DeviceBuffer, DeviceStatistics, KernelBindings } from "./device.ts";
import { checkRun } from "./kernels/check_run.ts";
import { type KernelName, kernelNamed, type KernelParams } from "./kernels/registry.ts";
import { BufferPool, type Piece } from "./pool.ts";

/** Opens a device that computes on the CPU; `reason` says in its description why it was taken. */
export function wasmDevice(reason?: string): Device {
  return new WasmDevice(reason);
}

class WasmDevice implements Device {
  readonly kind = "wasm";
  readonly description: string;
  readonly runsInBackground = false;
  readonly empty: DeviceBuffer;
  readonly #pool = new BufferPool<number>({ create: allocatePiece, destroy: rust.release });
  readonly #live = new Set<WasmBuffer>();
  readonly #params: Piece<number>;
  #liveBytes = 0;
  #peakBytes = 0;
  #kernelsRun = 0;
  #disposed = false;

  constructor(reason?: string) {
    this.description = ["wasm: CPU, 128-bit SIMD, one thread", reason].filter(Boolean).join(": ");
    const piece = this.#pool.take(EMPTY_BYTES);
    bytesAt(piece.memory, EMPTY_BYTES).fill(0);
    this.#params = this.#pool.take(PARAMS_BYTES);
    this.empty = new WasmBuffer(this, { piece, byteLength: EMPTY_BYTES, release: undefined });
  }

  allocate(byteLength: number): DeviceBuffer {
    this.#assertOpen();
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new RangeError(`Cannot allocate ${byteLength} bytes: give a whole number from 0`);
    }
    const piece = this.#takePiece(byteLength);
    this.#liveBytes += piece.capacity;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    const buffer = new WasmBuffer(this, {
      piece,
      byteLength,
      release: () => {
        this.#live.delete(buffer);
        this.#liveBytes -= piece.capacity;
        this.#pool.give(piece);
      },
    });
    this.#live.add(buffer);
    return buffer;
  }

  write(
    buffer: DeviceBuffer,
    data: Float32Array | Uint32Array | Uint8Array,
    byteOffset = 0,
  ): void {
    if (buffer === this.empty) {
      throw new TypeError("Cannot write to device.empty, which stays zero: allocate a buffer");
    }
    const pointer = this.#pointerOf(buffer, {
      verb: "write to",
      byteOffset,
      byteLength: data.byteLength,
    });
    bytesAt(pointer, data.byteLength).set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
  }

  // deno-lint-ignore require-await -- the bytes are taken at the time of the call; an error rejects
  async read(
    buffer: DeviceBuffer,
    range: { byteOffset?: number; byteLength?: number } = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const byteOffset = range.byteOffset ?? 0;
    const byteLength = range.byteLength ?? buffer.byteLength - byteOffset;
    const pointer = this.#pointerOf(buffer, { verb: "read from", byteOffset, byteLength });
    return new Uint8Array(bytesAt(pointer, byteLength));
  }

  copy(
    from: DeviceBuffer,
    fromOffset: number,
    to: DeviceBuffer,
    toOffset: number,
    byteLength: number,
  ): void {
    if (from === to) {
      throw new TypeError("Cannot copy a buffer onto itself: copy through another buffer");
    }
    if (to === this.empty) {
      throw new TypeError("Cannot copy to device.empty, which stays zero: allocate a buffer");
    }
    const source = this.#pointerOf(from, { verb: "copy from", byteOffset: fromOffset, byteLength });
    const target = this.#pointerOf(to, { verb: "copy to", byteOffset: toOffset, byteLength });
    bytesAt(target, byteLength).set(bytesAt(source, byteLength));
  }

  run<K extends KernelName>(kernel: K, bindings: KernelBindings<K>, params: KernelParams<K>): void {
    this.#assertOpen();
    checkRun(this, { kernel, bindings, params });
    const args: number[] = [];
    const buffers: Readonly<Record<string, DeviceBuffer>> = bindings;
    const values: Readonly<Record<string, number>> = params;
    const { operands, paramNames } = argumentOrder(kernel);
    for (const operand of operands) args.push((buffers[operand] as WasmBuffer).pointer);
    if ("blocks" in buffers) args.push(this.#writeParams(kernel, values));
    else for (const name of paramNames) args.push(values[name]!);
    rustKernels[kernel](...args);
    this.#kernelsRun++;
  }

  statistics(): DeviceStatistics {
    return {
      liveBytes: this.#liveBytes,
      peakBytes: this.#peakBytes,
      pooledBytes: this.#pool.pooledBytes,
      kernelsRun: this.#kernelsRun,
    };
  }

  /** Frees all memory of this device; buffers that are still in use are released. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#live) buffer[Symbol.dispose]();
    const empty = this.empty as WasmBuffer;
    this.#pool.give(empty.takePiece());
    this.#pool.give(this.#params);
    this.#pool.drain();
  }

  /** Puts a kernel's parameters into the piece kept for them, as words in the order of the table. */
  #writeParams(kernel: KernelName, values: Readonly<Record<string, number>>): number {
    const pointer = this.#params.memory;
    const words = new DataView(memory.buffer, pointer, PARAMS_BYTES);
    Object.entries(kernelNamed(kernel).params).forEach(([name, format], at) => {
      if (format === "f32") words.setFloat32(4 * at, values[name]!, true);
      else words.setUint32(4 * at, values[name]!, true);
    });
    return pointer;
  }

  /** A pooled piece or a new one; where memory is out, what the pool keeps is freed first. */
  #takePiece(byteLength: number): Piece<number> {
    try {
      return this.#pool.take(byteLength);
    } catch (error) {
      if (!(error instanceof OutOfWasmMemory)) throw error;
      this.#pool.drain();
      return this.#pool.take(byteLength);
    }
  }

  /** Where a range of one of this device's buffers begins in WASM memory. */
  #pointerOf(
    buffer: DeviceBuffer,
    use: { readonly verb: string; readonly byteOffset: number; readonly byteLength: number },
  ): number {
    this.#assertOpen();
    const { verb, byteOffset, byteLength } = use;
    if (!(buffer instanceof WasmBuffer) || buffer.device !== this) {
      throw new TypeError(
        `Cannot ${verb} a buffer of another device (${buffer.device.description}): ` +
          "copy it through the host first",
      );
    }
    const aligned = byteOffset % 4 === 0 && byteLength % 4 === 0;
    const within = byteOffset >= 0 && byteLength >= 0 &&
      byteOffset + byteLength <= buffer.byteLength;
    if (!within || !aligned) {
      throw new RangeError(
        `Cannot ${verb} bytes ${byteOffset} to ${byteOffset + byteLength} of a buffer of ` +
          `${buffer.byteLength}: give multiples of 4 within it`,
      );
    }
    return buffer.pointer + byteOffset;
  }

  #assertOpen(): void {
    if (this.#disposed) throw new TypeError("This wasm device is disposed: open another one");
  }
}

class WasmBuffer implements DeviceBuffer {
  readonly device: Device;
  readonly byteLength: number;
  readonly #release: (() => void) | undefined;
  #piece: Piece<number> | undefined;

  /** Without `release` the buffer is its device's for good: disposing it does nothing. */
  constructor(
    device: Device,
    options: {
      readonly piece: Piece<number>;
      readonly byteLength: number;
      readonly release: (() => void) | undefined;
    },
  ) {
    this.device = device;
    this.byteLength = options.byteLength;
    this.#piece = options.piece;
    this.#release = options.release;
  }

  get released(): boolean {
    return this.#piece === undefined;
  }

  /** Its address in WASM memory. */
  get pointer(): number {
    if (this.#piece === undefined) {
      throw new TypeError("This buffer is released: keep it until its last use");
    }
    return this.#piece.memory;
  }

  /** Ends its life: what it held is the caller's. */
  takePiece(): Piece<number> {
    const piece = this.#piece!;
    this.#piece = undefined;
    return piece;
  }

  [Symbol.dispose](): void {
    if (this.#release === undefined || this.#piece === undefined) return;
    this.#piece = undefined;
    this.#release();
  }
}

class OutOfWasmMemory extends Error {}

function allocatePiece(byteLength: number): number {
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

/** A view of WASM memory, valid until the next call into WASM. */
function bytesAt(pointer: number, byteLength: number): Uint8Array {
  return new Uint8Array(memory.buffer, pointer, byteLength);
}

interface ArgumentOrder {
  readonly operands: readonly string[];
  readonly paramNames: readonly string[];
}

/** Names of a kernel's operands and parameters in the order of its arguments, looked up once. */
function argumentOrder(kernel: KernelName): ArgumentOrder {
  const known = argumentOrders.get(kernel);
  if (known !== undefined) return known;
  const { operands, params } = kernelNamed(kernel);
  const order = { operands: Object.keys(operands), paramNames: Object.keys(params) };
  argumentOrders.set(kernel, order);
  return order;
}

const argumentOrders = new Map<KernelName, ArgumentOrder>();
/** Checked when compiled: every kernel of the registry is an export. */
const rustKernels: Readonly<Record<KernelName, (...args: number[]) => void>> = rust;
const EMPTY_BYTES = 256;
const PARAMS_BYTES = 256;
const MAX_PIECE_BYTES = 2 ** 31 - 65536;
