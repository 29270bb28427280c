// A buffer of the wasm device: a piece of WASM memory.

import type { Device, DeviceBuffer } from "../device.ts";
import type { Piece } from "../pool.ts";

/** The parts of a {@linkcode WasmBuffer}. */
export interface WasmBufferOptions {
  /** Its memory. */
  readonly piece: Piece<number>;
  /** Usable size in bytes, at most the piece's. */
  readonly byteLength: number;
  /** Called once, when the buffer is disposed. Without it disposing does nothing: the device keeps the buffer. */
  readonly release: (() => void) | undefined;
}

/** A buffer of a wasm device. */
export class WasmBuffer implements DeviceBuffer {
  readonly device: Device;
  readonly byteLength: number;
  numWrites = 0;
  readonly #release: (() => void) | undefined;
  #piece: Piece<number> | undefined;

  constructor(device: Device, { piece, byteLength, release }: WasmBufferOptions) {
    this.device = device;
    this.byteLength = byteLength;
    this.#piece = piece;
    this.#release = release;
  }

  get released(): boolean {
    return this.#piece === undefined;
  }

  /** Its address in WASM memory. Throws once the buffer is released. */
  get pointer(): number {
    if (this.#piece === undefined) {
      throw new TypeError("This buffer is released: keep it until its last use");
    }
    return this.#piece.memory;
  }

  /** Releases the buffer and leaves its piece to the caller. */
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
