// Random numbers by position: element i of a stream is a pure function of (seed, stream, i), so a rank that holds a part of a
// parameter draws exactly the values that the whole parameter has there, whatever the mesh.
//
// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), as in PyTorch
// on GPUs: key (seed, stream), counter (i / 4, 0, 0, 0), four words per block.

/**
 * Makes independent streams, one per parameter: the same order of requests gives the same values.
 *
 * @example
 * ```ts
 * import { RandomSource } from "@meshfactor/adafactor";
 *
 * const random = new RandomSource(1);
 * const stream = random.stream();
 * console.log(stream.uniform(0), stream.normal(1000));
 * ```
 *
 * @category Layers
 */
export class RandomSource {
  readonly #seed: number;
  #numStreams = 0;

  /** A source with a seed. @throws {RangeError} if `seed` is not an integer from 0 to 2^32 - 1. */
  constructor(seed: number) {
    if (seed !== seed >>> 0) {
      throw new RangeError(`Wanted a seed from 0 to 4294967295, an integer, got ${seed}`);
    }
    this.#seed = seed;
  }

  /** The next stream. */
  stream(): RandomStream {
    return new RandomStream([this.#seed, this.#numStreams++]);
  }
}

/**
 * An endless sequence of random numbers with random access.
 *
 * @category Layers
 */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #block: Uint32Array = new Uint32Array(4);
  #blockIndex = -1;

  /** The stream of a (seed, stream) pair. */
  constructor(key: readonly [number, number]) {
    this.#key = key;
  }

  /** The number at `position`, uniformly distributed over [0, 1) in steps of 2^-24. */
  uniform(position: number): number {
    return (this.#word(position) >>> 8) * 2 ** -24;
  }

  /** The number at `position` of the standard normal distribution (Box and Muller 1958). */
  normal(position: number): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform(2 * position)));
    return radius * Math.cos(2 * Math.PI * this.uniform(2 * position + 1));
  }

  #word(position: number): number {
    const index = Math.floor(position / 4);
    if (index !== this.#blockIndex) {
      philox(this.#block, [index >>> 0, Math.floor(index / 2 ** 32), 0, 0], this.#key);
      this.#blockIndex = index;
    }
    return this.#block[position % 4];
  }
}

/** Philox4x32-10: writes the four words of `counter` under `key` into `out`. */
export function philox(
  out: Uint32Array,
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = highWord(0xd2511f53, c0);
    const high1 = highWord(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    const low1 = Math.imul(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0];
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Upper 32 bits of the product of two u32. */
function highWord(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const crossed = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + (crossed >>> 16)) | 0;
}
