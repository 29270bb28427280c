// Times of repeated work, and their statistics.

import type { Device, DeviceBuffer } from "../../mod.ts";
import { WebGpuDevice } from "../../src/device/webgpu/device.ts";

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

/** Times of work on a device: by the host's clock, and by the GPU's where it has one. */
export interface Times {
  /** Milliseconds until the host sees the work done. */
  readonly wall: readonly number[];
  /** Milliseconds by the GPU's clock; empty without one. */
  readonly gpu: readonly number[];
}

/** Both times of each of `iterations` calls, after one that is not timed. `work` ends with a read. */
export async function timesOn(
  device: Device,
  iterations: number,
  work: () => Promise<void>,
): Promise<Times> {
  const wall = await timesOf(iterations, work);
  const gpu: number[] = [];
  if (device instanceof WebGpuDevice) {
    for (let i = 0; i < iterations; i++) {
      const time = await device.gpuTimeOf(work);
      if (time !== undefined) gpu.push(time);
    }
  }
  return { wall, gpu };
}

/** Measures a device's memory bandwidth: a plain copy that is larger than any cache. */
export class CopyLimit implements Disposable {
  readonly #device: Device;
  readonly #from: DeviceBuffer;
  readonly #to: DeviceBuffer;

  /** Copies `bytes` at a time. */
  constructor(device: Device, bytes = 64 << 20) {
    this.#device = device;
    this.#from = device.allocate(bytes);
    this.#to = device.allocate(bytes);
    device.write(this.#from, new Uint8Array(bytes).fill(1));
  }

  /** The copy's times, on a GPU by a kernel, as its clock times nothing else. */
  times(iterations: number): Promise<Times> {
    const [from, to] = [this.#from, this.#to];
    return timesOn(this.#device, iterations, async () => {
      if (this.#device.kind === "wasm") this.#device.copy(from, 0, to, 0, from.byteLength);
      else {this.#device.run("scale", { x: from, out: to }, {
          length: from.byteLength / 4,
          factor: 1,
        });}
      await this.#device.read(to, { byteLength: 4 });
    });
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
