// A parameter: a leaf that a model learns. It carries its layout, so that the optimizer and checkpoints know which part of the whole
// parameter this rank holds. Its shape, values and gradient are those of that part.

import { checkOptions } from "./option_names.ts";
import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import { Layout } from "../distributed/layout.ts";
import { requireDevice, requireNumbers } from "./argument_checks.ts";
import type { FloatType } from "./dtype.ts";
import { Memory } from "./memory.ts";
import { leaveScopes } from "./open_scopes.ts";
import { Tensor } from "./tensor.ts";

/**
 * Options of {@linkcode Parameter}: a shape, or a layout where the parameter is split over ranks.
 *
 * @category Tensors
 */
export type ParameterOptions =
  & {
    /** Path in the model; `Module.namedParameters()` sets it. */
    readonly name?: string;
    /** How the values are stored; they are rounded to it. Default: f32, or the type of `memory` where that is given. */
    readonly dtype?: FloatType;
    /**
     * How the gradient is stored. Default: as the values are. A 16-bit gradient is rounded at every `backward`, so one that
     * accumulates over many micro-batches or ranks is better kept in f32.
     */
    readonly gradientDtype?: FloatType;
    /** Whether it is a buffer: a part of the model that is saved with it, but never trained. Default: false. */
    readonly isBuffer?: boolean;
  }
  & ({
    /** Shape of a parameter that is not split. */
    readonly shape: readonly number[];
  } | {
    /** Shape of the whole parameter, and how it is split; the values are this rank's part. */
    readonly layout: Layout<ProcessGroup>;
  });

/**
 * A tensor that a model learns, or this rank's part of one.
 *
 * @example
 * ```ts
 * import { Adafactor, mul, Parameter, requestDevice, sum } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = new Parameter(device, [3, -4], { shape: [2], name: "x" });
 * using optim = new Adafactor([x], { lr: 0.1, relativeStep: false, scaleParameter: false });
 * for (let step = 0; step < 100; step++) {
 *   using loss = sum(mul(x, x));
 *   await optim.backward(loss);
 *   await optim.step();
 *   optim.zeroGrad();
 * }
 * console.log(await x.data()); // near 0
 * ```
 *
 * @category Tensors
 */
export class Parameter extends Tensor<FloatType> {
  /** Path in the model, such as `layers.0.weight`; set by `Module.namedParameters()`. */
  name: string;
  /** Shape of the whole parameter, and which part of it this rank has. */
  readonly layout: Layout<ProcessGroup>;
  /** Whether it never gets a gradient: `Module.namedBuffers()` lists it, and `Module.parameters()` does not. */
  readonly isBuffer: boolean;
  readonly #gradientDtype: FloatType;
  #version = 0;
  #isTrained = true;

  /**
   * Copies this rank's values, in row-major order; or takes ownership of memory that holds them.
   *
   * @throws {RangeError} if the number of values is not that of the layout's local shape.
   * @throws {TypeError} if the memory has another type than `dtype`.
   */
  constructor(
    device: Device,
    values: Float32Array | Float16Array | readonly number[] | Memory,
    options: ParameterOptions,
  ) {
    requireDevice("Parameter", device);
    if (!(values instanceof Memory)) requireNumbers("Parameter", values);
    checkOptions("Parameter", options, [
      "shape",
      "layout",
      "name",
      "dtype",
      "gradientDtype",
      "isBuffer",
    ]);
    const layout = "layout" in options ? options.layout : new Layout<ProcessGroup>(options.shape);
    const shape = layout.localShape;
    const dtype = storageOf(values, options.dtype);
    const memory = values instanceof Memory
      ? values
      : Memory.from(device, values, { shape, dtype });
    super(memory, { shape, dtype, requiresGrad: true });
    leaveScopes(this);
    this.layout = layout;
    this.name = options.name ?? "(unnamed)";
    this.#gradientDtype = options.gradientDtype ?? dtype;
    this.isBuffer = options.isBuffer ?? false;
  }

  /**
   * Whether it gets a gradient; true at first. Set it to false before forward to freeze the parameter, and leave it out of the
   * optimizer: what only serves its gradient is neither computed nor kept.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Adafactor, mean, mul, Parameter, requestDevice } from "@meshfactor/adafactor";
   *
   * using device = await requestDevice();
   * using frozen = new Parameter(device, [1, 2], { shape: [2] });
   * using trained = new Parameter(device, [3, 4], { shape: [2] });
   * frozen.requiresGrad = false;
   * using optim = new Adafactor([trained], { lr: 1e-3 });
   * using loss = mean(mul(frozen, trained));
   * await optim.backward(loss);
   * await optim.step();
   * assert.equal(frozen.grad, undefined);
   * ```
   */
  override get requiresGrad(): boolean {
    return this.#isTrained && !this.isBuffer && super.requiresGrad;
  }

  /** Freezes it, or has it trained again. */
  override set requiresGrad(isTrained: boolean) {
    this.#isTrained = isTrained;
    if (!isTrained) this.zeroGrad();
  }

  /** Type of the gradient, which is rounded to it whenever something is added. */
  override get gradientDtype(): FloatType {
    return this.#gradientDtype;
  }

  /** Increases whenever values are written from outside the optimizer, which then must recompute what it knows of them. */
  get version(): number {
    return this.#version;
  }

  /** Overwrites this rank's values, rounded. @throws {RangeError} if their number is not that of the shape. */
  write(values: Float32Array | Float16Array | readonly number[]): void {
    this.overwrite(values);
    this.#version++;
  }

  /**
   * Overwrites this rank's values with bytes of the parameter's own type, as `bytes()` returns them.
   *
   * @throws {RangeError} if their number is not that of the shape.
   */
  writeBytes(bytes: Uint8Array): void {
    this.overwriteBytes(bytes);
    this.#version++;
  }

  /**
   * Overwrites elements from `begin` on with bytes of elements of any float type, converted on the device and rounded.
   *
   * @throws {RangeError} if they do not fit.
   */
  writeStored(
    bytes: Uint8Array,
    from: { readonly dtype: FloatType; readonly begin: number },
  ): void {
    this.overwritePart(bytes, from);
    this.#version++;
  }

  /** Releases the gradient. */
  zeroGrad(): void {
    this.grad = undefined;
  }
}

function storageOf(values: object | Memory, wanted: FloatType | undefined): FloatType {
  if (!(values instanceof Memory)) return wanted ?? "f32";
  const { dtype } = values;
  if (dtype === "u32" || dtype !== (wanted ?? dtype)) {
    throw new TypeError(`Wanted memory of ${wanted ?? "f32, f16 or bf16"}, got ${dtype}`);
  }
  return dtype;
}
