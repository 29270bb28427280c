// A tensor: memory of one device, a shape, an element type, and how it was computed (autograd.ts, with the rules of ownership). Rows
// of the last dim follow one another in memory, without gaps.
//
// tensor.ts, autograd.ts and graph.ts import each other: a tensor refers to the node that computed it, nodes refer to tensors, and
// `Tensor.backward()` is a method. They are one idea in three files; only types close the circle.

import type { Device, DeviceBuffer } from "../device/device.ts";
import { backward, type GraphNode, releaseIntermediates } from "./autograd.ts";
import { requireDevice, requireNumbers } from "./argument_checks.ts";
import { checkDtype, isFloatType, naturalDtype, viewBytes } from "./dtype.ts";
import type { DType, FloatType, HostArray, Values } from "./dtype.ts";
import { describeTensor, NUM_SHOWN } from "./describe_tensor.ts";
import { Memory } from "./memory.ts";
import { checkOptions } from "./option_names.ts";
import { addToScope, leaveScopes, recordsGradients } from "./open_scopes.ts";
import { elementCount, formatShape, sameShape } from "./shape.ts";

/**
 * Options of a tensor made from data.
 *
 * @category Tensors
 */
export interface TensorOptions<D extends DType = "f32"> {
  /** Its dims; their product is the number of values. Default: one dim. */
  readonly shape?: readonly number[];
  /** Element type. Default: that of the typed array, f32 for plain numbers. */
  readonly dtype?: D;
  /** Whether to collect a gradient in `grad` (not for indices). Default: false. */
  readonly requiresGrad?: boolean;
}

let numMade = 0;

/**
 * How many tensors were made so far, which is the `number` of the next one.
 *
 * @internal
 */
export function numTensorsMade(): number {
  return numMade;
}

/**
 * A tensor of numbers, in any storage.
 *
 * @category Tensors
 */
export type FloatTensor = Tensor<FloatType>;

/**
 * An array of elements on one device. Disposing it releases it and every intermediate it was computed from.
 *
 * @example
 * ```ts
 * import { gelu, mean, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2, 3, 4, 5, 6], { shape: [2, 3], requiresGrad: true });
 * using loss = mean(gelu(x));
 * await loss.backward();
 * console.log(await loss.item(), await x.grad?.data());
 * ```
 *
 * @category Tensors
 */
export class Tensor<D extends DType = "f32"> implements Disposable {
  /** The device that holds its memory. */
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
  /** `numWrites` of the node's inputs when it was made. */
  #inputWrites: readonly number[] = [];
  #grad: FloatTensor | undefined;
  #isReleased = false;
  #isReleasedWithGraph = false;
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
    addToScope(this);
  }

  /**
   * Copies data from the host into a new leaf. Numbers are rounded to the nearest value of `dtype`, ties to even; those beyond the
   * largest become infinity.
   *
   * @throws {RangeError} if the number of values is not that of the shape, or a plain number is no valid index.
   * @throws {TypeError} if the device or the data are of another kind, such as arrays in an array, an array of numbers is given for
   *   indices, or the other way round, or a u32 tensor should collect a gradient.
   */
  static from<D extends FloatType = "f32">(
    device: Device,
    data: Float32Array | readonly number[],
    options?: TensorOptions<D>,
  ): Tensor<D>;
  /** The same with f16 as the default type. */
  static from<D extends FloatType = "f16">(
    device: Device,
    data: Float16Array,
    options?: TensorOptions<D>,
  ): Tensor<D>;
  /** The same for indices. */
  static from(
    device: Device,
    data: Uint32Array | readonly number[],
    options?: TensorOptions<"u32">,
  ): Tensor<"u32">;
  static from(device: Device, data: Values, options: TensorOptions<DType> = {}): Tensor<DType> {
    requireDevice("Tensor.from()", device);
    requireNumbers("Tensor.from()", data);
    checkOptions("Tensor.from()", options, ["shape", "dtype", "requiresGrad"]);
    const { shape = [data.length], dtype = naturalDtype(data), requiresGrad = false } = options;
    checkDtype(dtype, { requiresGrad });
    return new Tensor(Memory.from(device, data, { shape, dtype }), { shape, dtype, requiresGrad });
  }

  /**
   * Copies bytes in the layout of device memory and files (little-endian, without gaps) into a new leaf: 4 bytes for each element, or
   * 2 for f16 and bf16. The inverse of {@linkcode Tensor.bytes}.
   *
   * @throws {RangeError} if the number of bytes is not that of the shape.
   * @throws {TypeError} if a u32 tensor should collect a gradient.
   */
  static fromBytes<D extends DType>(
    device: Device,
    bytes: Uint8Array,
    options: TensorOptions<D> & { readonly shape: readonly number[]; readonly dtype: D },
  ): Tensor<D> {
    requireDevice("Tensor.fromBytes()", device);
    checkOptions("Tensor.fromBytes()", options, ["shape", "dtype", "requiresGrad"]);
    const { shape, dtype, requiresGrad = false } = options;
    checkDtype(dtype, { requiresGrad });
    const memory = Memory.fromBytes(device, bytes, { shape, dtype });
    return new Tensor(memory, { shape, dtype, requiresGrad });
  }

  /** A leaf for a kernel to write, of f32 by default: its values are undefined until then. */
  static empty<D extends FloatType = "f32">(
    device: Device,
    shape: readonly number[],
    options: { readonly dtype?: D } = {},
  ): Tensor<D> {
    requireDevice("Tensor.empty()", device);
    checkOptions("Tensor.empty()", options, ["dtype"]);
    // Without the option, D is its default.
    const { dtype = "f32" as D } = options;
    return new Tensor(Memory.empty(device, { shape, dtype }), {
      shape,
      dtype,
      requiresGrad: false,
    });
  }

  /**
   * A leaf of indices for a kernel to write, which the host does not know.
   *
   * @internal
   */
  static emptyIndices(device: Device, shape: readonly number[]): Tensor<"u32"> {
    requireDevice("Tensor.emptyIndices()", device);
    const dtype = "u32";
    return new Tensor(new Memory(device, { shape, dtype }), { shape, dtype, requiresGrad: false });
  }

  /** The device memory, for kernels. @throws {Error} if the tensor was released. */
  get buffer(): DeviceBuffer {
    this.checkUsable();
    return this.#memory.buffer;
  }

  /** The largest element of a tensor of indices, kept on the host so that ops can check it; undefined for numbers. */
  get largest(): number | undefined {
    return this.#memory.largest;
  }

  /**
   * How often the memory was written.
   *
   * @internal
   */
  get numWrites(): number {
    return this.#memory.buffer.numWrites;
  }

  /** The elements of a tensor of indices, kept on the host for ops to count and check; undefined for numbers. Read only. */
  get indices(): Uint32Array | undefined {
    return this.#memory.indices;
  }

  /** Copies the values to the host, in row-major order: a Float32Array for numbers of any type, or a Uint32Array. */
  async data(): Promise<HostArray<D>> {
    return viewBytes(await this.bytes(), this.dtype);
  }

  /** Copies the elements to the host as they are stored: little-endian, 4 bytes each, or 2 for f16 and bf16. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    this.checkUsable();
    return await this.#memory.read();
  }

  /** The value of a tensor with one element. @throws {RangeError} if it has more or none. */
  async item(): Promise<number> {
    if (this.length !== 1) {
      throw new RangeError(`item() wants one element, the shape is ${formatShape(this.shape)}`);
    }
    return (await this.data())[0];
  }

  /**
   * What console.log shows: type, shape, device, and the first values if they can be read at once, as on the wasm device.
   *
   * @internal
   */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return describeTensor(this, this.#isUsable ? this.#memory.first(NUM_SHOWN + 1) : "released");
  }

  /**
   * The same in Deno.
   *
   * @internal
   */
  [Symbol.for("Deno.customInspect")](): string {
    return describeTensor(this, this.#isUsable ? this.#memory.first(NUM_SHOWN + 1) : "released");
  }

  /** The gradient collected by {@linkcode backward} so far; only leaves that require one have it. */
  get grad(): FloatTensor | undefined {
    return this.#grad;
  }

  /**
   * Takes ownership of the new gradient, of any float type, and releases the one before; later gradients are added to it.
   *
   * @throws {RangeError} if it has another shape than the tensor.
   */
  set grad(gradient: FloatTensor | undefined) {
    if (gradient === this.#grad) return;
    if (gradient !== undefined && !sameShape(gradient.shape, this.shape)) {
      throw new RangeError(
        `The gradient of a tensor must have its shape ${formatShape(this.shape)}, got ` +
          formatShape(gradient.shape),
      );
    }
    this.#grad?.[Symbol.dispose]();
    this.#grad = gradient;
    if (gradient !== undefined) leaveScopes(gradient);
  }

  /** Type of the gradient that {@linkcode backward} makes: that of the elements, to which it is rounded when it is added. */
  get gradientDtype(): FloatType {
    return isFloatType(this.dtype) ? this.dtype : "f32";
  }

  /** True for leaves that collect a gradient and for everything computed from them. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  /** Adds d(this)/d(leaf) to every leaf's `grad` and releases every intermediate: see {@linkcode backward}. */
  async backward(this: FloatTensor): Promise<void> {
    await backward(this);
  }

  /** Releases this tensor, its gradient and every intermediate it was computed from. May be called twice. */
  [Symbol.dispose](): void {
    releaseIntermediates(this);
    this.release();
    this.grad = undefined;
  }

  /** Overwrites all elements. @throws {RangeError} if the number of values is not that of the shape. */
  protected overwrite(values: Values): void {
    this.checkUsable();
    this.#memory.write(values, this.shape);
  }

  /** Overwrites all elements with bytes as they are stored. @throws {RangeError} if their number is not that of the shape. */
  protected overwriteBytes(bytes: Uint8Array): void {
    this.checkUsable();
    this.#memory.writeBytes(bytes, this.shape);
  }

  /** Overwrites elements from `begin` on: see {@linkcode Memory.writePart}. @throws {RangeError} if they do not fit */
  protected overwritePart(
    bytes: Uint8Array,
    from: { readonly dtype: FloatType; readonly begin: number },
  ): void {
    this.checkUsable();
    this.#memory.writePart(bytes, from);
  }

  // The members below are for ops and autograd.

  /** How the tensor was computed; undefined for a leaf. */
  get node(): GraphNode | undefined {
    return this.#node;
  }

  /** Makes this new tensor the result of an op: keeps its node for backward, if an input requires a gradient. */
  computedBy(node: GraphNode): this {
    this.#node = node;
    this.#madeBy = `result of ${node.op}()`;
    this.#requiresGrad = !node.isConstant && recordsGradients() &&
      node.inputs.some((input) => input.requiresGrad);
    if (this.#requiresGrad) this.#inputWrites = node.inputs.map(({ numWrites }) => numWrites);
    else node.saved?.forEach((tensor) => tensor.release());
    return this;
  }

  /** A leaf of another shape over the same memory, which this tensor goes on owning. */
  alias(shape: readonly number[]): Tensor<D> {
    this.checkUsable();
    return new Tensor(this.#memory, { shape, dtype: this.dtype, requiresGrad: false });
  }

  /** True if both share the same memory. */
  sharesMemory(other: Tensor<DType>): boolean {
    return this.#memory === other.#memory;
  }

  /** Makes this tensor the owner of the shared memory. */
  takeMemory(): void {
    this.#memory.owner = this;
  }

  /** Makes this tensor the owner of its memory if one of `others` is. */
  takeMemoryOf(others: ReadonlySet<object>): void {
    if (others.has(this.#memory.owner!)) this.takeMemory();
  }

  /** Has this leaf released as if it were an intermediate of what was computed from it. */
  releaseWithGraph(): void {
    this.#isReleasedWithGraph = true;
  }

  /** Whether {@linkcode releaseWithGraph} was called. */
  get isReleasedWithGraph(): boolean {
    return this.#isReleasedWithGraph;
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
   * As {@linkcode copyAs}, for another tensor to own.
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

  /** grad += gradient, in the gradient's own type; takes ownership of `gradient`. */
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

  /** Turns a result into a leaf that requires no gradient. */
  forgetGraph(): void {
    if (this.#node === undefined) return;
    this.#node.saved?.forEach((tensor) => tensor.release());
    this.#node = undefined;
    this.#requiresGrad = false;
  }

  /** Releases the memory and the tensors that the node saved, and nothing else. */
  release(): void {
    this.forgetGraph();
    this.#isReleased = true;
    this.#memory.release(this);
  }

  /**
   * Releases the values of an intermediate and keeps its place in the graph, for a caller that knows that neither it nor backward reads
   * them: gradient functions of what it was computed from or is an input of may use its shape alone. What reads them throws.
   *
   * @internal
   */
  discard(): void {
    if (this.#node !== undefined) this.#memory.discard();
  }

  /** Verifies that backward can go through it. @throws {Error} if it was released. */
  checkInGraph(): void {
    if (this.#isReleased || !this.#memory.isDiscarded) this.checkUsable();
  }

  /** Verifies that backward can go through its node. @throws {Error} if an input was written after the node was made */
  checkInputsUnchanged(): void {
    const { op, inputs } = this.#node!;
    for (const [index, seen] of this.#inputWrites.entries()) {
      const input = inputs[index];
      if (input.numWrites === seen) continue;
      throw new Error(
        `backward() cannot go through ${op}(): its operand ${index}, the ${input.#description}, had been written ` +
          `${seen} times when ${op}() read it, and now ${input.numWrites} times, so the gradient would be of ` +
          "neither: step, load or write parameters after backward(), not between forward and backward",
      );
    }
  }

  get #isUsable(): boolean {
    return !this.#isReleased && !this.#memory.buffer.released;
  }

  get #description(): string {
    const name = "name" in this ? `parameter "${this.name}"` : this.#madeBy;
    return `${name} of shape ${formatShape(this.shape)}`;
  }

  /** Verifies that the tensor can be used. @throws {Error} if it was released. */
  checkUsable(): void {
    if (this.#isUsable) return;
    throw new Error(
      `Cannot use the ${this.#description} as it was released: it was disposed of, ` +
        "or backward() ran from a tensor computed from it, or such a tensor was disposed of; read it before, or compute it again",
    );
  }
}
