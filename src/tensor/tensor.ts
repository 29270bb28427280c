// A tensor: memory of one device, a shape, an element type, and how it was computed (autograd.ts, with the rules of who
// owns what). Rows of the last dim lie one after the other, without gaps.
//
//   using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3], requiresGrad: true });
//   using loss = mean(gelu(x));
//   await loss.backward();
//   console.log(await loss.item(), await x.grad?.data());

import type { Device, DeviceBuffer } from "../device/device.ts";
import { backward, type GraphNode, releaseIntermediates } from "./autograd.ts";
import type { DType, HostArray } from "./dtype.ts";
import { Memory, type Values } from "./memory.ts";
import { elementCount, formatShape, sameShape } from "./shape.ts";

/** What a tensor made from data looks like. */
export interface TensorOptions<D extends DType = "f32"> {
  /** Dims; their product is the number of values. Default: one dim. */
  readonly shape?: readonly number[];
  /** Element type. Default: that of the typed array, f32 for plain numbers. */
  readonly dtype?: D;
  /** Collect a gradient in `grad` (f32 only). Default: false. */
  readonly requiresGrad?: boolean;
}

/** An array of elements on one device. Disposing it releases it and every intermediate it was computed from. */
export class Tensor<D extends DType = "f32"> implements Disposable {
  /** Where it lies. */
  readonly device: Device;
  /** Type of its elements. */
  readonly dtype: D;
  /** Its dims. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly length: number;
  readonly #memory: Memory;
  #requiresGrad: boolean;
  #node: GraphNode | undefined;
  #grad: Tensor | undefined;
  #isReleased = false;
  #madeBy = "tensor";

  /** A leaf. Use {@linkcode Tensor.from} or {@linkcode Tensor.empty}. */
  protected constructor(memory: Memory, options: Required<TensorOptions<D>>) {
    memory.owner ??= this;
    this.#memory = memory;
    this.#requiresGrad = options.requiresGrad;
    this.device = memory.buffer.device;
    this.dtype = options.dtype;
    this.shape = [...options.shape];
    this.length = elementCount(options.shape);
  }

  /**
   * Copies data from the host into a new leaf.
   *
   * @throws {RangeError} if the number of values is not that of the shape, or a value does not fit the type.
   * @throws {TypeError} if the typed array is of another type than `dtype`, or a u32 tensor should collect a gradient.
   */
  static from(
    device: Device,
    data: Float32Array | readonly number[],
    options?: TensorOptions<"f32">,
  ): Tensor;
  /** As above, of indices. */
  static from(
    device: Device,
    data: Uint32Array | readonly number[],
    options?: TensorOptions<"u32">,
  ): Tensor<"u32">;
  static from(
    device: Device,
    data: Float32Array | Uint32Array | readonly number[],
    options: TensorOptions<DType> = {},
  ): Tensor<DType> {
    const shape = options.shape ?? [data.length];
    const dtype = options.dtype ?? (data instanceof Uint32Array ? "u32" : "f32");
    if (dtype !== "f32" && dtype !== "u32") {
      throw new TypeError(`Wanted a tensor of f32 or u32, got ${dtype}`);
    }
    const requiresGrad = options.requiresGrad ?? false;
    if (requiresGrad && dtype !== "f32") {
      throw new TypeError(`Only f32 tensors collect a gradient, got ${dtype}`);
    }
    const memory = Memory.from(device, data, { shape, dtype });
    return new Tensor(memory, { shape, dtype, requiresGrad });
  }

  /** A leaf of f32 for a kernel to write: its values are undefined until then. */
  static empty(device: Device, shape: readonly number[]): Tensor {
    return new Tensor(new Memory(device, shape), { shape, dtype: "f32", requiresGrad: false });
  }

  /** The memory, for kernels. @throws {Error} if the tensor was released. */
  get buffer(): DeviceBuffer {
    this.checkUsable();
    return this.#memory.buffer;
  }

  /** The largest element of a tensor of indices, known on the host so that ops can check it; undefined for f32. */
  get largest(): number | undefined {
    return this.#memory.largest;
  }

  /** Copies the elements to the host, in row-major order. */
  async data(): Promise<HostArray<D>> {
    this.checkUsable();
    return await this.#memory.read(this.dtype);
  }

  /** The value of a tensor of one element. @throws {RangeError} if it has more or none. */
  async item(): Promise<number> {
    if (this.length !== 1) {
      throw new RangeError(`item() wants one element, the shape is ${formatShape(this.shape)}`);
    }
    return (await this.data())[0];
  }

  /** The gradient collected by {@linkcode backward} so far; only leaves that require one have it. */
  get grad(): Tensor | undefined {
    return this.#grad;
  }

  /** Takes the new gradient over and releases the one before. @throws {RangeError} if its shape is another. */
  set grad(gradient: Tensor | undefined) {
    if (gradient === this.#grad) return;
    if (gradient !== undefined && !sameShape(gradient.shape, this.shape)) {
      throw new RangeError(
        `The gradient of a tensor of shape ${formatShape(this.shape)} has that shape, got ` +
          formatShape(gradient.shape),
      );
    }
    this.#grad?.[Symbol.dispose]();
    this.#grad = gradient;
  }

  /** True for leaves that collect a gradient and for all that is computed from them. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  /** Adds d(this)/d(leaf) to every leaf's `grad` and releases every intermediate: see {@linkcode backward}. */
  async backward(this: Tensor): Promise<void> {
    await backward(this);
  }

  /** Releases this tensor, its gradient and every intermediate it was computed from. Twice is harmless. */
  [Symbol.dispose](): void {
    releaseIntermediates(this);
    this.release();
    this.grad = undefined;
  }

  /** Overwrites all elements. @throws {RangeError} if there are not as many values as the shape wants. */
  protected overwrite(values: Values): void {
    this.checkUsable();
    this.#memory.write(values, this);
  }

  // What follows is for ops and autograd.

  /** How the tensor was computed; undefined for a leaf. */
  get node(): GraphNode | undefined {
    return this.#node;
  }

  /** Makes this new tensor the result of an op: remembers how to differentiate it, if an input requires that. */
  computedBy(node: GraphNode): this {
    this.#node = node;
    this.#madeBy = `result of ${node.op}()`;
    this.#requiresGrad = node.inputs.some((input) => input.requiresGrad);
    if (!this.#requiresGrad) node.saved?.forEach((tensor) => tensor.release());
    return this;
  }

  /** A leaf of another shape over the same memory, which stays this tensor's. */
  alias(shape: readonly number[]): Tensor<D> {
    this.checkUsable();
    return new Tensor(this.#memory, { shape, dtype: this.dtype, requiresGrad: false });
  }

  /** True if both lie in the same memory. */
  sharesMemory(other: Tensor<DType>): boolean {
    return this.#memory === other.#memory;
  }

  /** Makes this tensor the one whose release gives the shared memory back. */
  takeMemory(): void {
    this.#memory.owner = this;
  }

  /** A leaf of the same shape with `value` everywhere. */
  filledLike(value: number): Tensor {
    const out = Tensor.empty(this.device, this.shape);
    this.device.run("fill", { out: out.buffer }, { offset: 0, length: this.length, value });
    return out;
  }

  /** A leaf with a copy of the values. */
  copy(this: Tensor): Tensor {
    const out = Tensor.empty(this.device, this.shape);
    this.device.copy(this.buffer, 0, out.buffer, 0, this.buffer.byteLength);
    return out;
  }

  /** this += other, elementwise; releases `other`. */
  accumulate(other: Tensor): void {
    this.device.run(
      "accumulate",
      { x: other.buffer, out: this.buffer },
      { length: this.length, factor: 1 },
    );
    other.release();
  }

  /** grad += gradient; takes `gradient` over. */
  addGradient(gradient: Tensor): void {
    if (this.#grad === undefined) this.grad = gradient;
    else this.#grad.accumulate(gradient);
  }

  /** Turns a result into a leaf that needs no gradient. */
  forgetGraph(): void {
    if (this.#node === undefined) return;
    this.#node.saved?.forEach((tensor) => tensor.release());
    this.#node = undefined;
    this.#requiresGrad = false;
  }

  /** Gives back the memory and what the node saved, and nothing else. */
  release(): void {
    this.forgetGraph();
    this.#isReleased = true;
    this.#memory.release(this);
  }

  /** Does nothing for a tensor that can be used. @throws {Error} if it was released. */
  checkUsable(): void {
    if (!this.#isReleased && !this.#memory.buffer.released) return;
    throw new Error(
      `Cannot use the ${this.#madeBy} of shape ${
        formatShape(this.shape)
      } as it was released: it was disposed of, or ` +
        "backward() ran from, or somebody disposed of, a tensor computed from it; read it before, or compute it again",
    );
  }
}
