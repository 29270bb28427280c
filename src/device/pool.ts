// Device memory reused by size: the next training step takes the memory that this one frees, without asking the system.
//
// A request is rounded up to its size class, 8 classes per doubling (at most 1/8 is wasted), so that a freed piece
// serves requests a little smaller or larger than the one it was made for. The pool is generic over what it keeps. It
// keeps no list of what is in use: each piece has one owner, who gives it back.

/** Makes and frees the pieces that a pool keeps. */
export interface PoolSource<T> {
  /** Makes a piece of exactly `byteLength` bytes; throws if there is no memory. */
  create(byteLength: number): T;
  /** Frees a piece made by `create` with the same `byteLength`. */
  destroy(piece: T, byteLength: number): void;
}

/** Limits of a {@linkcode BufferPool}. */
export interface PoolLimits {
  /** Most bytes that are kept for reuse; a piece given back beyond that is freed. Default: 1 GiB. */
  readonly maxPooledBytes?: number;
  /** Largest piece that `create` can make; size classes are cut off there. Default: no limit. */
  readonly maxPieceBytes?: number;
}

/** A piece of device memory and its true size. */
export interface Piece<T> {
  readonly memory: T;
  /** Size in bytes, at least what was asked for; give it back with the piece. */
  readonly capacity: number;
}

/** Keeps freed device memory by size class. Disposing it frees all that it keeps. */
export class BufferPool<T> implements Disposable {
  readonly #source: PoolSource<T>;
  readonly #limits: Required<PoolLimits>;
  readonly #freeByCapacity = new Map<number, T[]>();
  #pooledBytes = 0;

  constructor(source: PoolSource<T>, limits: PoolLimits = {}) {
    this.#source = source;
    this.#limits = {
      maxPooledBytes: limits.maxPooledBytes ?? DEFAULT_MAX_POOLED_BYTES,
      maxPieceBytes: limits.maxPieceBytes ?? Number.MAX_SAFE_INTEGER,
    };
  }

  /** Bytes kept for reuse. */
  get pooledBytes(): number {
    return this.#pooledBytes;
  }

  /** Takes a piece of at least `byteLength` bytes, a kept one if there is one. Throws what `create` throws. */
  take(byteLength: number): Piece<T> {
    const capacity = Math.max(
      byteLength,
      Math.min(sizeClass(byteLength), this.#limits.maxPieceBytes),
    );
    const kept = this.#freeByCapacity.get(capacity)?.pop();
    if (kept !== undefined) {
      this.#pooledBytes -= capacity;
      return { memory: kept, capacity };
    }
    return { memory: this.#source.create(capacity), capacity };
  }

  /** Gives a piece back, which must not be used afterwards. */
  give(piece: Piece<T>): void {
    const { memory, capacity } = piece;
    if (this.#pooledBytes + capacity > this.#limits.maxPooledBytes) {
      this.#source.destroy(memory, capacity);
      return;
    }
    this.#pooledBytes += capacity;
    const free = this.#freeByCapacity.get(capacity);
    if (free === undefined) this.#freeByCapacity.set(capacity, [memory]);
    else free.push(memory);
  }

  /** Frees all that is kept. */
  drain(): void {
    for (const [capacity, free] of this.#freeByCapacity) {
      for (const memory of free) this.#source.destroy(memory, capacity);
    }
    this.#freeByCapacity.clear();
    this.#pooledBytes = 0;
  }

  [Symbol.dispose](): void {
    this.drain();
  }
}

/** The size class of a request: `byteLength` rounded up to 1/16 of the next power of two, at least 256. */
export function sizeClass(byteLength: number): number {
  if (byteLength <= SMALLEST_CLASS) return SMALLEST_CLASS;
  const step = Math.max(SMALLEST_CLASS, 2 ** Math.ceil(Math.log2(byteLength)) / 16);
  return Math.ceil(byteLength / step) * step;
}

const SMALLEST_CLASS = 256;
const DEFAULT_MAX_POOLED_BYTES = 2 ** 30;
