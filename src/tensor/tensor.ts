// A tensor: memory of one device, a shape, an element type, and how it was computed (autograd.ts, with the rules of who
// owns what). Rows of the last dim follow one another in memory, without gaps.
//
//   using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3], requiresGrad: true });
//   using loss = mean(gelu(x));
//   await loss.backward();
//   console.log(await loss.item(), await x.grad?.data());
//
// tensor.ts, autograd.ts and graph.ts import each other: a tensor refers to the node that computed it, nodes refer to tensors, and
// `Tensor.backward()` is a method. They are one idea in three files; only types close the circle.

import type { Device, DeviceBuffer } from "../device/device.ts";
import { backward, type GraphNode, releaseIntermediates } from "./autograd.ts";
import { checkDtype, isFloatType, naturalDtype, viewBytes } from "./dtype.ts";
import type { DType, FloatType, HostArray, Values } from "./dtype.ts";
import { Memory } from "./memory.ts";
import { elementCount, formatShape, sameShape } from "./shape.ts";

/** What a tensor made from data looks like. */
export interface TensorOptions<D extends DType = "f32"> {
  /** Dims; their product is the number of values. Default: one dim. */
  readonly shape?: readonly number[];
  /** Element type. Default: that of the typed array, f32 for plain numbers. */
  readonly dtype?: D;
  /** Collect a gradient in `grad` (not for indices). Default: false. */
  readonly requiresGrad?: boolean;
}

let numMade = 0;

/**
 * How many tensors were made so far: the `number` of the next one.
 *
 * @internal
 */
export function numTensorsMade(): number {
  return numMade;
}

/** A tensor of numbers, in any storage. */
export type FloatTensor = Tensor<FloatType>;

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
  /**
   * How many tensors were made before it.
   *
   * @internal
   */
  readonly number: number = numMade++;
  readonly #memory: Memory;
  #requiresGrad: boolean;
  #node: GraphNode | undefined;
  #grad: FloatTensor | undefined;
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
   * Copies data from the host into a new leaf. Numbers are rounded to the nearest that `dtype` holds, ties to even;
   * beyond the largest they become infinity.
   *
   * @throws {RangeError} if the number of values is not that of the shape, or an index is none.
   * @throws {TypeError} if an array of numbers is given for indices, or the other way round, or a u32 tensor should
   *   collect a gradient.
   */
  static from<D extends FloatType = "f32">(
    device: Device,
    data: Float32Array | readonly number[],
    options?: TensorOptions<D>,
  ): Tensor<D>;
  /** As above, of f16 unless another type is asked for. */
  static from<D extends FloatType = "f16">(
    device: Device,
    data: Float16Array,
    options?: TensorOptions<D>,
  ): Tensor<D>;
  /** As above, of indices. */
  static from(
    device: Device,
    data: Uint32Array | readonly number[],
    options?: TensorOptions<"u32">,
  ): Tensor<"u32">;
  static from(device: Device, data: Values, options: TensorOptions<DType> = {}): Tensor<DType> {
    const { shape = [data.length], dtype = naturalDtype(data), requiresGrad = false } = options;
    checkDtype(dtype, { requiresGrad });
    return new Tensor(Memory.from(device, data, { shape, dtype }), { shape, dtype, requiresGrad });
  }

  /**
   * Copies elements as they lie in memory and in files (little-endian, without gaps) into a new leaf: 4 bytes each, or 2
   * for f16 and bf16. What {@linkcode Tensor.bytes} gives.
   *
   * @throws {RangeError} if there are not as many bytes as the shape wants.
   * @throws {TypeError} if a u32 tensor should collect a gradient.
   */
  static fromBytes<D extends DType>(
    device: Device,
    bytes: Uint8Array,
    options: TensorOptions<D> & { readonly shape: readonly number[]; readonly dtype: D },
  ): Tensor<D> {
    const { shape, dtype, requiresGrad = false } = options;
    checkDtype(dtype, { requiresGrad });
    const memory = Memory.fromBytes(device, bytes, { shape, dtype });
    return new Tensor(memory, { shape, dtype, requiresGrad });
  }

  /** A leaf for a kernel to write, of f32 unless another type is asked for: its values are undefined until then. */
  static empty<D extends FloatType = "f32">(
    device: Device,
    shape: readonly number[],
    options: { readonly dtype?: D } = {},
  ): Tensor<D> {
    // Without the option D is its default.
    const { dtype = "f32" as D } = options;
    return new Tensor(Memory.empty(device, { shape, dtype }), {
      shape,
      dtype,
      requiresGrad: false,
    });
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

  /** The elements of a tensor of indices, known on the host for ops to count and check; undefined for f32. Read only. */
  get indices(): Uint32Array | undefined {
    return this.#memory.indices;
  }

  /** Copies the values to the host, in row-major order: a Float32Array of numbers, however stored, or a Uint32Array. */
  async data(): Promise<HostArray<D>> {
    return viewBytes(await this.bytes(), this.dtype);
  }

  /** Copies the elements to the host as they lie in memory: little-endian, 4 bytes each, or 2 for f16 and bf16. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    this.checkUsable();
    return await this.#memory.read();
  }

  /** The value of a tensor of one element. @throws {RangeError} if it has more or none. */
  async item(): Promise<number> {
    if (this.length !== 1) {
      throw new RangeError(`item() wants one element, the shape is ${formatShape(this.shape)}`);
    }
    return (await this.data())[0];
  }

  /** The gradient collected by {@linkcode backward} so far; only leaves that require one have it. */
  get grad(): FloatTensor | undefined {
    return this.#grad;
  }

  /**
   * Takes the new gradient over, of any float type, and releases the one before; further ones are added to it.
   *
   * @throws {RangeError} if its shape is another.
   */
  set grad(gradient: FloatTensor | undefined) {
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

  /** Type of the gradient that {@linkcode backward} makes: that of the elements, to which it is rounded when it is added. */
  get gradientDtype(): FloatType {
    return isFloatType(this.dtype) ? this.dtype : "f32";
  }

  /** True for leaves that collect a gradient and for all that is computed from them. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  /** Adds d(this)/d(leaf) to every leaf's `grad` and releases every intermediate: see {@linkcode backward}. */
  async backward(this: FloatTensor): Promise<void> {
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
    this.#memory.write(values, this.shape);
  }

  /** Overwrites all elements with others as they lie in memory. @throws {RangeError} if there are not as many. */
  protected overwriteBytes(bytes: Uint8Array): void {
    this.checkUsable();
    this.#memory.writeBytes(bytes, this.shape);
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

  /** A leaf of f32 of the same shape with `value` everywhere. */
  filledLike(value: number): Tensor {
    const out = Tensor.empty(this.device, this.shape);
    this.device.run("fill", { out: out.buffer }, { offset: 0, length: this.length, value });
    return out;
  }

  /** A leaf with a copy of the values. */
  copy<F extends FloatType>(this: Tensor<F>): Tensor<F> {
    return this.copyAs(this.dtype);
  }

  /** A leaf with the values in another type: rounded to the nearest, ties to even. */
  copyAs<F extends FloatType>(this: FloatTensor, dtype: F): Tensor<F> {
    const { shape } = this;
    return new Tensor(this.copyMemory(dtype), { shape, dtype, requiresGrad: false });
  }

  /**
   * As {@linkcode copyAs}, for a tensor of another kind to take over.
   *
   * @internal
   */
  copyMemory(this: FloatTensor, dtype: FloatType): Memory {
    this.checkUsable();
    return this.#memory.copyAs(dtype);
  }

  /** this += other, elementwise, summed in f32 and rounded to this type; releases `other`. */
  accumulate(this: FloatTensor, other: FloatTensor): void {
    this.checkUsable();
    other.checkUsable();
    this.#memory.accumulate(other.#memory);
    other.release();
  }

  /** grad += gradient, in the gradient's own type; takes `gradient` over. */
  addGradient(gradient: Tensor): void {
    if (this.#grad !== undefined) {
      this.#grad.accumulate(gradient);
    } else if (this.gradientDtype === "f32") {
      this.grad = gradient;
    } else {
      this.grad = gradient.copyAs(this.gradientDtype);
      gradient.release();
    }
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
