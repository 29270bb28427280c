// Reads device memory without the 10 ms that Deno's `mapAsync` sleeps.
//
// `GPUBuffer.mapAsync` in Deno waits for the GPU inside the call, then sleeps 10 ms before its promise is settled; every
// collective of a training step would pay that. But the range is mapped when the call returns: so it is read at once and
// the promise is abandoned. Measured: 0.4 ms instead of 11.7 ms for a dispatch and a read of it (bench/
// readback_bench.ts). A buffer's first map has to be awaited, or Deno panics; and where getMappedRange says that the range
// is not mapped yet (browsers), the promise is awaited.
//
// Data is copied to staging buffers when `read` is called, so that later commands cannot change the data.

import type { CommandRecorder, GpuMemory } from "./command_recorder.ts";
import { BufferPool, type Piece } from "../pool.ts";

interface Staging {
  readonly gpu: GPUBuffer;
  mappedBefore: boolean;
}

/** Reads device memory through pooled staging buffers. */
export class Readback implements Disposable {
  readonly #recorder: CommandRecorder;
  readonly #pool: BufferPool<Staging>;

  constructor(device: GPUDevice, recorder: CommandRecorder) {
    this.#recorder = recorder;
    this.#pool = new BufferPool<Staging>({
      create: (size) => ({
        gpu: device.createBuffer({
          label: "staging",
          size,
          usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
        }),
        mappedBefore: false,
      }),
      destroy: ({ gpu }) => gpu.destroy(),
    }, { maxPooledBytes: MAX_POOLED_BYTES });
  }

  /** Copies a range (multiples of 4) as it is after all commands so far. */
  async read(
    memory: GpuMemory,
    byteOffset: number,
    byteLength: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Chunk[] = [];
    for (let begin = 0; begin < byteLength; begin += MAX_CHUNK_BYTES) {
      const length = Math.min(MAX_CHUNK_BYTES, byteLength - begin);
      const piece = this.#pool.take(stagingSize(length));
      this.#recorder.copy(memory.gpu, piece.memory.gpu, {
        fromOffset: byteOffset + begin,
        toOffset: 0,
        byteLength: length,
      });
      chunks.push({ piece, begin, length });
    }
    this.#recorder.use(memory);
    this.#recorder.submit();

    if (chunks.length === 1) {
      const [{ piece, length }] = chunks;
      const bytes = new Uint8Array(await mapped(piece.memory, length, takeOver));
      this.#pool.give(piece);
      return bytes;
    }
    const bytes = new Uint8Array(byteLength);
    for (const { piece, begin, length } of chunks) {
      await mapped(piece.memory, length, (range) => bytes.set(new Uint8Array(range), begin));
      this.#pool.give(piece);
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#pool.drain();
  }
}

/**
 * Waits until every abandoned map promise is settled, up to 10 ms. Called at the end of tests, as Deno's leak sanitizer
 * counts them.
 */
export async function abandonedMapsSettled(): Promise<void> {
  await Promise.all(abandoned);
}

interface Chunk {
  readonly piece: Piece<Staging>;
  readonly begin: number;
  readonly length: number;
}

/** Maps the first `byteLength` bytes, calls `use` with them, and unmaps. Synchronous where the runtime allows it. */
function mapped<T>(
  staging: Staging,
  byteLength: number,
  use: (range: ArrayBuffer) => T,
): T | Promise<T> {
  const mapping = staging.gpu.mapAsync(GPUMapMode.READ, 0, byteLength);
  if (staging.mappedBefore) {
    const range = mappedRangeNow(staging.gpu, byteLength);
    if (range !== undefined) {
      leave(mapping);
      const result = use(range);
      staging.gpu.unmap();
      return result;
    }
  }
  return mapping.then(() => {
    staging.mappedBefore = true;
    const result = use(staging.gpu.getMappedRange(0, byteLength));
    staging.gpu.unmap();
    return result;
  });
}

/** Abandons a promise; unmapping early may reject it. */
function leave(mapping: Promise<unknown>): void {
  const settled: Promise<unknown> = mapping.catch(() => {}).then(() => abandoned.delete(settled));
  abandoned.add(settled);
}

function mappedRangeNow(gpu: GPUBuffer, byteLength: number): ArrayBuffer | undefined {
  try {
    return gpu.getMappedRange(0, byteLength);
  } catch (error) {
    if (error instanceof DOMException && error.name === "OperationError") return undefined;
    throw error;
  }
}

/** The range's bytes to keep: moved where the runtime gave a copy already (Deno), else copied. */
function takeOver(range: ArrayBuffer): ArrayBuffer {
  try {
    return range.transfer();
  } catch {
    return range.slice(0);
  }
}

/** Powers of two, so that few staging buffers pay for a first map. */
function stagingSize(byteLength: number): number {
  return Math.max(MIN_STAGING_BYTES, 2 ** Math.ceil(Math.log2(byteLength)));
}

const abandoned = new Set<Promise<unknown>>();
const MIN_STAGING_BYTES = 2 ** 12;
const MAX_CHUNK_BYTES = 2 ** 24;
const MAX_POOLED_BYTES = 2 ** 27;
