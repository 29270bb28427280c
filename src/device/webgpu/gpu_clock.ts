// Measures how long a GPU works, by its own timestamps: each compute pass writes two while the clock runs, and their differences are
// added up. Neither the GPU's waiting for the host counts, nor copies, which have no timestamps.
//
// Deno gives the driver's ticks but not the length of one (1 ns on NVIDIA and llvmpipe, 10 ns on AMD, 52 or 83 on Intel),
// so that is measured first, against the host's clock.

/** Adds up the GPU time of compute passes. */
export class GpuClock implements Disposable {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #ticks: GPUBuffer;
  readonly #staging: GPUBuffer;
  /** Milliseconds. */
  #tick: number | undefined;
  /** Timestamps of the current measurement, if any. */
  #numPasses: number | undefined;

  /** A clock of `device`, or undefined where that was opened without "timestamp-query". */
  static of(device: GPUDevice): GpuClock | undefined {
    return device.features.has("timestamp-query") ? new GpuClock(device) : undefined;
  }

  private constructor(device: GPUDevice) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: "timestamp", count: 2 * MAX_PASSES });
    const size = BYTES_PER_PASS * MAX_PASSES;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#ticks = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    this.#staging = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  }

  /** The descriptor for a compute pass that begins now. */
  passDescriptor(): GPUComputePassDescriptor | undefined {
    if (this.#numPasses === undefined) return undefined;
    const pass = this.#numPasses++;
    if (pass >= MAX_PASSES) return undefined;
    return {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: 2 * pass,
        endOfPassWriteIndex: 2 * pass + 1,
      },
    };
  }

  /** Measures the length of a tick, once; that takes a fifth of a second. */
  async calibrate(): Promise<void> {
    if (this.#tick !== undefined) return;
    // The first measurement is dropped: it may include waking the GPU.
    await this.#now();
    const before = await this.#now();
    await new Promise((resolve) => setTimeout(resolve, CALIBRATION_MS));
    const after = await this.#now();
    this.#tick = (after.host - before.host) / Number(after.gpu - before.gpu);
  }

  /** Starts adding up. */
  start(): void {
    this.#numPasses = 0;
  }

  /**
   * Milliseconds of all passes since `start`, which must all be submitted.
   *
   * @throws {RangeError} if there were more passes than it has room for.
   */
  async stop(): Promise<number> {
    const numPasses = this.#numPasses ?? 0;
    this.#numPasses = undefined;
    if (numPasses > MAX_PASSES) {
      throw new RangeError(
        `Cannot time ${numPasses} compute passes at once: at most ${MAX_PASSES}, so time less work`,
      );
    }
    const ticks = await this.#read(numPasses);
    let sum = 0n;
    for (let at = 0; at < ticks.length; at += 2) sum += ticks[at + 1] - ticks[at];
    return Number(sum) * this.#tick!;
  }

  /** Frees its memory on the GPU. */
  [Symbol.dispose](): void {
    this.#queries.destroy();
    this.#ticks.destroy();
    this.#staging.destroy();
  }

  /** Both clocks at the end of an empty pass. */
  async #now(): Promise<{ readonly host: number; readonly gpu: bigint }> {
    this.start();
    const encoder = this.#device.createCommandEncoder();
    encoder.beginComputePass(this.passDescriptor()).end();
    this.#numPasses = undefined;
    const host = performance.now();
    this.#device.queue.submit([encoder.finish()]);
    return { host, gpu: (await this.#read(1))[1] };
  }

  async #read(numPasses: number): Promise<BigUint64Array> {
    if (numPasses === 0) return new BigUint64Array(0);
    const byteLength = BYTES_PER_PASS * numPasses;
    const encoder = this.#device.createCommandEncoder();
    encoder.resolveQuerySet(this.#queries, 0, 2 * numPasses, this.#ticks, 0);
    encoder.copyBufferToBuffer(this.#ticks, 0, this.#staging, 0, byteLength);
    this.#device.queue.submit([encoder.finish()]);
    await this.#staging.mapAsync(GPUMapMode.READ, 0, byteLength);
    const ticks = new BigUint64Array(this.#staging.getMappedRange(0, byteLength).slice(0));
    this.#staging.unmap();
    return ticks;
  }
}

const MAX_PASSES = 512;
/** Two timestamps of 64 bits. */
const BYTES_PER_PASS = 16;
const CALIBRATION_MS = 200;
