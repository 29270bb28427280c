// Times of repeated work, and what is said of them.

import type { Device, DeviceBuffer } from "../../mod.ts";

/** Milliseconds of each of `iterations` calls, after one that is not timed. */
export async function timesOf(
  iterations: number,
  work: () => Promise<void>,
): Promise<readonly number[]> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}

/** The middle of `values`, which must not be empty. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The mean of `values`, which must not be empty. */
export function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A plain copy on a device: the limit of everything that reads and writes memory. */
export class CopyLimit implements Disposable {
  readonly #device: Device;
  readonly #from: DeviceBuffer;
  readonly #to: DeviceBuffer;

  /** Copies `bytes` at a time: more than any cache holds. */
  constructor(device: Device, bytes = 64 << 20) {
    this.#device = device;
    this.#from = device.allocate(bytes);
    this.#to = device.allocate(bytes);
    device.write(this.#from, new Uint8Array(bytes).fill(1));
  }

  /** Copies once. */
  async copy(): Promise<void> {
    this.#device.copy(this.#from, 0, this.#to, 0, this.#from.byteLength);
    await this.#device.read(this.#to, { byteLength: 4 });
  }

  /** GB/s, read and written bytes together, at the median of `milliseconds`. */
  rate(milliseconds: readonly number[]): number {
    return 2 * this.#from.byteLength / 1e6 / median(milliseconds);
  }

  /** Gives back the memory. */
  [Symbol.dispose](): void {
    this.#from[Symbol.dispose]();
    this.#to[Symbol.dispose]();
  }
}
