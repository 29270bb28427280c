// The WebGPU device: pooled buffers, kernels recorded into batches, reads that do not sleep.
//
// The parts: command_recorder.ts batches, pipelines.ts caches, readback.ts brings data back, gpu_failures.ts makes silent
// errors throw, gpu_clock.ts times kernels, kernels/ says what a kernel dispatches. This file keeps the guarantees
// of device.ts:
// - order: commands of a batch run in order; a host write goes to the queue at once, so the batch is submitted first if it
//   uses that memory;
// - memory: buffers are destroyed explicitly (dropping them frees nothing), after the batch that uses them is submitted.
//
// Imports of this folder: src/device and its kernels/; nothing of wasm/.

import { setImmediate } from "node:timers/promises";
import { CommandRecorder, type GpuMemory } from "./command_recorder.ts";
import type { Device, DeviceBuffer, DeviceStatistics, KernelBindings } from "../device.ts";
import { checkRun, countWrites } from "../kernels/check_run.ts";
import type { KernelName, KernelParams } from "../kernels/registry.ts";
import { GpuClock } from "./gpu_clock.ts";
import { GpuFailures } from "./gpu_failures.ts";
import { Pipelines } from "./pipelines.ts";
import { BufferPool, type Piece } from "../pool.ts";
import { Readback } from "./readback.ts";
import { adapterName, isSoftwareAdapter, openAdapter } from "./adapter.ts";
import { checkRange, PermanentBuffer, WebGpuBuffer } from "./buffer.ts";

/** Opens `adapter` as a device; `reason` says in its description why it was taken. */
export async function openWebGpuDevice(
  adapter: GPUAdapter,
  reason: string,
): Promise<WebGpuDevice> {
  const gpu = await openAdapter(adapter);
  return new WebGpuDevice(gpu, {
    description: `webgpu: ${adapterName(adapter.info)}: ${reason}`,
    software: isSoftwareAdapter(adapter.info),
  });
}

/** A device on top of a GPUDevice, which it owns. */
export class WebGpuDevice implements Device {
  readonly kind = "webgpu";
  readonly runsInBackground = true;
  readonly description: string;
  readonly empty: DeviceBuffer;
  readonly #gpu: GPUDevice;
  readonly #maxBufferBytes: number;
  readonly #failures: GpuFailures;
  readonly #clock: GpuClock | undefined;
  readonly #recorder: CommandRecorder;
  readonly #pipelines: Pipelines;
  readonly #readback: Readback;
  readonly #pool: BufferPool<GpuMemory>;
  #scratch: Piece<GpuMemory> | undefined;
  #nextId = 0;
  #liveBytes = 0;
  #peakBytes = 0;
  #kernelsRun = 0;

  /** `software`: the adapter runs on the CPU. `maxPooledBytes`: most memory that is kept for reuse. */
  constructor(
    gpu: GPUDevice,
    options: { description: string; software: boolean; maxPooledBytes?: number },
  ) {
    this.#gpu = gpu;
    this.description = options.description;
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
    this.#maxBufferBytes = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4) * 4;
    this.#failures = new GpuFailures(gpu);
    this.#clock = GpuClock.of(gpu);
    this.#recorder = new CommandRecorder(gpu, this.#failures, this.#clock);
    this.#pipelines = new Pipelines(gpu, {
      paramsBuffer: this.#recorder.paramsBuffer,
      software: options.software,
    });
    this.#readback = new Readback(gpu, this.#recorder);
    this.#pool = new BufferPool<GpuMemory>({
      create: (byteLength) => this.#createMemory(byteLength),
      destroy: (memory) => this.#destroyMemory(memory),
    }, { ...options, maxPieceBytes: this.#maxBufferBytes });
    // WebGPU fills new buffers with zeros.
    const { memory } = this.#pool.take(EMPTY_BYTES);
    this.empty = new PermanentBuffer(this, EMPTY_BYTES, { memory, release: () => {} });
  }

  allocate(byteLength: number): DeviceBuffer {
    this.#failures.throwIfAny();
    if (!Number.isInteger(byteLength) || byteLength < 0) {
      throw new RangeError(`Cannot allocate ${byteLength} bytes: give a whole number from 0`);
    }
    if (byteLength > this.#maxBufferBytes) {
      throw new RangeError(
        `Cannot allocate ${byteLength} bytes: ${this.description} binds at most ` +
          `${this.#maxBufferBytes} per buffer, so split the tensor over more ranks`,
      );
    }
    const piece = this.#pool.take(Math.ceil(byteLength / 4) * 4);
    this.#liveBytes += piece.capacity;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    const release = () => {
      this.#liveBytes -= piece.capacity;
      this.#pool.give(piece);
    };
    return new WebGpuBuffer(this, byteLength, { memory: piece.memory, release });
  }

  write(
    buffer: DeviceBuffer,
    data: Float32Array | Uint32Array | Uint8Array,
    byteOffset = 0,
  ): void {
    this.#failures.throwIfAny();
    const memory = this.#memoryOf(buffer, "write to");
    if (buffer === this.empty) {
      throw new TypeError("Cannot write to device.empty, which stays zero: allocate a buffer");
    }
    checkRange(buffer, { byteOffset, byteLength: data.byteLength, verb: "write" });
    if (data.byteLength > 0) this.#recorder.write(memory, byteOffset, data);
    buffer.numWrites++;
  }

  async read(
    buffer: DeviceBuffer,
    range: { byteOffset?: number; byteLength?: number } = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.#failures.throwIfAny();
    const memory = this.#memoryOf(buffer, "read from");
    const byteOffset = range.byteOffset ?? 0;
    const byteLength = range.byteLength ?? buffer.byteLength - byteOffset;
    checkRange(buffer, { byteOffset, byteLength, verb: "read" });
    if (byteLength === 0) return new Uint8Array(0);
    const reading = this.#readback.read(memory, byteOffset, byteLength);
    // Where the read fails because of an earlier error, that one is thrown.
    const bytes = await reading.catch(async (error) => {
      await this.#failures.settle();
      throw error;
    });
    await this.#failures.settle();
    // The data arrived without a turn of the event loop. In a program that only computes and reads, timers, signals and
    // abandoned map promises would wait for ever without one. It costs 2 us.
    await setImmediate();
    return bytes;
  }

  copy(
    from: DeviceBuffer,
    fromOffset: number,
    to: DeviceBuffer,
    toOffset: number,
    byteLength: number,
  ): void {
    this.#failures.throwIfAny();
    const source = this.#memoryOf(from, "copy from");
    const target = this.#memoryOf(to, "copy to");
    if (from === to) {
      throw new TypeError("Cannot copy a buffer onto itself: copy through another buffer");
    }
    checkRange(from, { byteOffset: fromOffset, byteLength, verb: "copy from" });
    if (to === this.empty) {
      throw new TypeError("Cannot copy to device.empty, which stays zero: allocate a buffer");
    }
    checkRange(to, { byteOffset: toOffset, byteLength, verb: "copy to" });
    if (byteLength === 0) return;
    to.numWrites++;
    this.#recorder.copy(source.gpu, target.gpu, { fromOffset, toOffset, byteLength });
    this.#recorder.use(source);
    this.#recorder.use(target);
  }

  run<K extends KernelName>(kernel: K, bindings: KernelBindings<K>, params: KernelParams<K>): void {
    this.#failures.throwIfAny();
    checkRun(this, { kernel, bindings, params });
    countWrites(kernel, bindings);
    this.#kernelsRun++;
    const { shader, operands, stages } = this.#pipelines.shader(kernel);
    const values: Readonly<Record<string, number>> = params;
    const counts = stages.map(({ stage }) => stage.workgroups(values));
    if (counts.every((workgroups) => workgroups === 0)) return;

    const memories: GpuMemory[] = [];
    const byOperand: Readonly<Record<string, DeviceBuffer>> = bindings;
    for (const operand of operands) memories.push(this.#memoryOf(byOperand[operand]!, "run on"));
    const { scratch } = shader;
    if (scratch !== undefined) memories.push(this.#scratchFor(4 * scratch.length(values)));

    const paramsOffset = this.#recorder.pushParams(kernel, params);
    for (const memory of memories) this.#recorder.use(memory);
    const constants = shader.constants?.(values);
    for (const [index, stage] of stages.entries()) {
      const workgroups = counts[index]!;
      if (workgroups === 0) continue;
      const pipeline = this.#pipelines.pipeline(stage, constants);
      const bindGroup = this.#pipelines.bindGroup(stage, memories);
      this.#recorder.dispatch({ pipeline, bindGroup, paramsOffset, workgroups });
    }
  }

  /**
   * Milliseconds that the GPU spends on the kernels that `work` runs, by its own clock; undefined where it has none.
   *
   * @throws {RangeError} if `work` runs too many kernels, with copies between them, to time each.
   */
  async gpuTimeOf(work: () => Promise<void> | void): Promise<number | undefined> {
    if (this.#clock === undefined) {
      await work();
      return undefined;
    }
    await this.#clock.calibrate();
    this.#recorder.submit();
    this.#clock.start();
    await work();
    this.#recorder.submit();
    const milliseconds = await this.#clock.stop();
    await this.#failures.settle();
    return milliseconds;
  }

  statistics(): DeviceStatistics {
    return {
      liveBytes: this.#liveBytes,
      peakBytes: this.#peakBytes,
      pooledBytes: this.#pool.pooledBytes,
      kernelsRun: this.#kernelsRun,
    };
  }

  [Symbol.dispose](): void {
    this.#failures.close();
    this.#clock?.[Symbol.dispose]();
    this.#recorder.destroy();
    this.#readback[Symbol.dispose]();
    this.#gpu.destroy();
  }

  #memoryOf(buffer: DeviceBuffer, verb: string): GpuMemory {
    if (!(buffer instanceof WebGpuBuffer) || buffer.device !== this) {
      throw new TypeError(
        `Cannot ${verb} a buffer of another device (${buffer.device.description}): copy it through the host`,
      );
    }
    if (buffer.released) {
      throw new TypeError(`Cannot ${verb} a released buffer: keep it until its last use`);
    }
    return buffer.memory;
  }

  /** One scratch buffer serves all kernels, as they run one after the other; it grows. */
  #scratchFor(byteLength: number): GpuMemory {
    if (this.#scratch === undefined || this.#scratch.capacity < byteLength) {
      if (byteLength > this.#maxBufferBytes) {
        throw new RangeError(
          `Cannot run on so large a tensor: ${this.description} binds at most ${this.#maxBufferBytes} bytes ` +
            `per buffer and the kernel needs ${byteLength} of scratch, so split the tensor over more ranks`,
        );
      }
      if (this.#scratch !== undefined) this.#pool.give(this.#scratch);
      this.#scratch = this.#pool.take(byteLength);
    }
    return this.#scratch.memory;
  }

  #createMemory(byteLength: number): GpuMemory {
    const gpu = this.#gpu.createBuffer({
      size: byteLength,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    // So that running out of memory is reported by the next turn of the event loop, not by the next submit.
    this.#failures.collect();
    return { gpu, id: this.#nextId++, lastBatch: -1 };
  }

  #destroyMemory(memory: GpuMemory): void {
    if (this.#recorder.uses(memory)) this.#recorder.submit();
    this.#pipelines.forget(memory);
    memory.gpu.destroy();
  }
}

const EMPTY_BYTES = 256;
