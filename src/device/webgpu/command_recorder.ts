// Commands for the GPU, recorded into one open compute pass and submitted in batches: a dispatch in a batch costs
// 2 us of the host's time, a submit of its own 270 us (measured on llvmpipe).
//
// A batch is submitted when something must wait for it (a read, a write to memory that it uses), when it is long, and
// otherwise as soon as the program goes back to the event loop, so that the GPU works while the program waits.
//
// Kernels' parameters are stored in consecutive slots of a uniform buffer, bound with a dynamic offset. They are written
// once per batch: queue.writeBuffer takes effect before the batch that is submitted next and after the one before it.

import { clearImmediate, setImmediate } from "node:timers";
import type { GpuClock } from "./gpu_clock.ts";
import type { GpuFailures } from "./gpu_failures.ts";
import { type KernelName, kernelNamed, type KernelParams } from "../kernels/registry.ts";

/** A piece of GPU memory, and the last batch that uses it. */
export interface GpuMemory {
  readonly gpu: GPUBuffer;
  readonly id: number;
  lastBatch: number;
}

/** One kernel stage, ready to be dispatched. */
export interface DispatchCommand {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** Of the parameters, from {@linkcode CommandRecorder.pushParams}. */
  readonly paramsOffset: number;
  readonly workgroups: number;
}

/** Bytes of one parameter slot that shaders see. */
export const PARAMS_SIZE = 128;

/** Records commands in order and submits them in batches. */
export class CommandRecorder {
  /** Uniform buffer with the parameters of the batch. */
  readonly paramsBuffer: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #failures: GpuFailures;
  readonly #clock: GpuClock | undefined;
  readonly #slotSize: number;
  readonly #maxPerDimension: number;
  readonly #params: DataView<ArrayBuffer>;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #numSlots = 0;
  #writtenBytes = 0;
  #batch = 0;
  #idle: ReturnType<typeof setImmediate> | undefined;

  /** `clock`, where there is one, times the passes. */
  constructor(device: GPUDevice, failures: GpuFailures, clock?: GpuClock) {
    this.#device = device;
    this.#failures = failures;
    this.#clock = clock;
    this.#slotSize = Math.max(PARAMS_SIZE, device.limits.minUniformBufferOffsetAlignment);
    this.#maxPerDimension = device.limits.maxComputeWorkgroupsPerDimension;
    this.#params = new DataView(new ArrayBuffer(this.#slotSize * MAX_KERNELS_PER_BATCH));
    this.paramsBuffer = device.createBuffer({
      size: this.#params.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** Marks memory as used by the batch that is being recorded. */
  use(memory: GpuMemory): void {
    memory.lastBatch = this.#batch;
  }

  /** True where commands that are not submitted yet use `memory`. */
  uses(memory: GpuMemory): boolean {
    return memory.lastBatch === this.#batch && this.#encoder !== undefined;
  }

  /**
   * Keeps one kernel's parameters for its dispatches and returns their offset. Submits first where the batch is long: so
   * for a kernel this comes first, then `use`, then `dispatch`.
   */
  pushParams<K extends KernelName>(kernel: K, params: KernelParams<K>): number {
    if (this.#numSlots === MAX_KERNELS_PER_BATCH) this.submit();
    const begin = this.#numSlots++ * this.#slotSize;
    const formats = kernelNamed(kernel).params;
    const values: Readonly<Record<string, number>> = params;
    let offset = begin;
    for (const name in formats) {
      if (formats[name] === "f32") this.#params.setFloat32(offset, values[name], true);
      else this.#params.setUint32(offset, values[name], true);
      offset += 4;
    }
    return begin;
  }

  /** Records one dispatch; a workgroup's index is group.y * groups.x + group.x, and may exceed the count. */
  dispatch({ pipeline, bindGroup, paramsOffset, workgroups }: DispatchCommand): void {
    const x = Math.min(workgroups, this.#maxPerDimension);
    const y = Math.ceil(workgroups / x);
    this.#pass ??= this.#openEncoder().beginComputePass(this.#clock?.passDescriptor());
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, bindGroup, [paramsOffset]);
    this.#pass.dispatchWorkgroups(x, y);
  }

  /** Records a copy between two buffers. */
  copy(
    from: GPUBuffer,
    to: GPUBuffer,
    range: { fromOffset: number; toOffset: number; byteLength: number },
  ): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#openEncoder().copyBufferToBuffer(
      from,
      range.fromOffset,
      to,
      range.toOffset,
      range.byteLength,
    );
  }

  /** Writes host data at once, after all that was recorded before that uses the memory. */
  write(memory: GpuMemory, byteOffset: number, data: ArrayBufferView): void {
    if (this.uses(memory)) this.submit();
    // WebGPU accepts shared memory too, other than the type says.
    this.#device.queue.writeBuffer(memory.gpu, byteOffset, data as ArrayBufferView<ArrayBuffer>);
    // The host's copy of written data is not freed before the next submit.
    this.#writtenBytes += data.byteLength;
    if (this.#writtenBytes > MAX_WRITTEN_BYTES) this.submit();
  }

  /** Submits all recorded commands to the GPU. */
  submit(): void {
    clearImmediate(this.#idle);
    this.#idle = undefined;
    if (this.#encoder === undefined && this.#writtenBytes === 0) return;
    this.#pass?.end();
    if (this.#numSlots > 0) {
      const used = this.#numSlots * this.#slotSize;
      this.#device.queue.writeBuffer(this.paramsBuffer, 0, this.#params, 0, used);
    }
    this.#device.queue.submit(this.#encoder === undefined ? [] : [this.#encoder.finish()]);
    this.#failures.collect();
    this.#encoder = undefined;
    this.#pass = undefined;
    this.#numSlots = 0;
    this.#writtenBytes = 0;
    this.#batch++;
  }

  /** Drops the recorded commands and frees the parameters. */
  destroy(): void {
    clearImmediate(this.#idle);
    this.paramsBuffer.destroy();
  }

  #openEncoder(): GPUCommandEncoder {
    if (this.#encoder === undefined) {
      this.#encoder = this.#device.createCommandEncoder();
      this.#idle = setImmediate(() => this.submit());
    }
    return this.#encoder;
  }
}

const MAX_KERNELS_PER_BATCH = 128;
const MAX_WRITTEN_BYTES = 2 ** 26;
