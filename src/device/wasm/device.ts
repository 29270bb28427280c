// The wasm device: kernels in Rust with 128-bit SIMD, on the CPU, where no driver is needed.
//
// A buffer is a piece of WASM memory from Rust's allocator, which joins freed neighbours: an allocation takes less than a
// microsecond, and a pool by size would keep memory that other sizes need. A kernel is a synchronous call. The devices of a process
// share one WASM memory (rust_kernels.ts).

import type { Device, DeviceBuffer, DeviceStatistics, KernelBindings } from "../device.ts";
import { checkRun, countWrites } from "../kernels/check_run.ts";
import type { KernelName, KernelParams } from "../kernels/registry.ts";
import type { Piece } from "../pool.ts";
import { WasmBuffer } from "./buffer.ts";
import { callKernel, PARAMS_BYTES } from "./kernel_call.ts";
import { allocatePiece, bytesAt, freePiece } from "./rust_kernels.ts";

/** Opens a device that computes on the CPU; `reason` says in its description why it was taken. */
export function wasmDevice(reason?: string): Device {
  return new WasmDevice(reason);
}

class WasmDevice implements Device {
  readonly kind = "wasm";
  readonly description: string;
  readonly runsInBackground = false;
  readonly empty: DeviceBuffer;
  readonly #live = new Set<WasmBuffer>();
  readonly #paramsMemory: Piece<number>;
  #liveBytes = 0;
  #peakBytes = 0;
  #kernelsRun = 0;
  #disposed = false;

  constructor(reason?: string) {
    this.description = ["wasm: CPU, 128-bit SIMD, one thread", reason].filter(Boolean).join(": ");
    const piece = takePiece(EMPTY_BYTES);
    bytesAt(piece.memory, EMPTY_BYTES).fill(0);
    this.#paramsMemory = takePiece(PARAMS_BYTES);
    this.empty = new WasmBuffer(this, { piece, byteLength: EMPTY_BYTES, release: undefined });
  }

  allocate(byteLength: number): DeviceBuffer {
    this.#assertOpen();
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new RangeError(`Cannot allocate ${byteLength} bytes: give a whole number from 0`);
    }
    const piece = takePiece(byteLength);
    this.#liveBytes += piece.capacity;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    const buffer = new WasmBuffer(this, {
      piece,
      byteLength,
      release: () => {
        this.#live.delete(buffer);
        this.#liveBytes -= piece.capacity;
        givePiece(piece);
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
    buffer.numWrites++;
  }

  // deno-lint-ignore require-await -- the bytes are taken at the time of the call; an error rejects
  async read(
    buffer: DeviceBuffer,
    range?: { byteOffset?: number; byteLength?: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.readSync(buffer, range);
  }

  readSync(
    buffer: DeviceBuffer,
    range: { byteOffset?: number; byteLength?: number } = {},
  ): Uint8Array<ArrayBuffer> {
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
    to.numWrites++;
  }

  run<K extends KernelName>(kernel: K, bindings: KernelBindings<K>, params: KernelParams<K>): void {
    this.#assertOpen();
    checkRun(this, { kernel, bindings, params });
    callKernel(kernel, { bindings, params, paramsPointer: this.#paramsMemory.memory });
    countWrites(kernel, bindings);
    this.#kernelsRun++;
  }

  statistics(): DeviceStatistics {
    return {
      liveBytes: this.#liveBytes,
      peakBytes: this.#peakBytes,
      pooledBytes: 0,
      kernelsRun: this.#kernelsRun,
    };
  }

  /** Frees all memory of this device; buffers that are still in use are released. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#live) buffer[Symbol.dispose]();
    const empty = this.empty as WasmBuffer;
    givePiece(empty.takePiece());
    givePiece(this.#paramsMemory);
  }

  /** The address in WASM memory of a range of one of this device's buffers. */
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

const EMPTY_BYTES = 256;

function takePiece(byteLength: number): Piece<number> {
  // Rust allocates no 0 bytes.
  const capacity = Math.max(byteLength, 4);
  return { memory: allocatePiece(capacity), capacity };
}

function givePiece({ memory, capacity }: Piece<number>): void {
  freePiece(memory, capacity);
}
