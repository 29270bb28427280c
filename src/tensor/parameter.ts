// A parameter: a leaf that a model learns. It carries its layout, so that the optimizer and checkpoints know which part of
// the whole parameter this rank holds. Its shape, values and gradient are those of that part.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import { Layout } from "../distributed/layout.ts";
import type { FloatType } from "./dtype.ts";
import { Memory } from "./memory.ts";
import { Tensor } from "./tensor.ts";

/** Options of {@linkcode Parameter}: a shape, or a layout where the parameter is split over ranks. */
export type ParameterOptions =
  & {
    /** Path in the model; the module walk sets it. */
    readonly name?: string;
    /** How the values are stored; they are rounded to it. Default: f32, or that of the memory taken over. */
    readonly dtype?: FloatType;
    /**
     * How the gradient is stored. Default: as the values are. A 16-bit gradient is rounded at every `backward`, so that
     * one that is added up over many, or over many ranks, is better kept in f32.
     */
    readonly gradientDtype?: FloatType;
  }
  & ({
    /** Shape of a parameter that is whole on this rank. */
    readonly shape: readonly number[];
  } | {
    /** Shape of the whole parameter, and how it is split; the values are this rank's part. */
    readonly layout: Layout<ProcessGroup>;
  });

/** Values that a model learns, or this rank's part of them. */
export class Parameter extends Tensor<FloatType> {
  /** Path in the model, such as `layers.0.weight`; set by `Module.namedParameters()`. */
  name: string;
  /** Shape of the whole parameter, and which part of it is here. */
  readonly layout: Layout<ProcessGroup>;
  readonly #gradientDtype: FloatType;
  #version = 0;

  /**
   * Copies this rank's values, in row-major order; or takes over memory that holds them.
   *
   * @throws {RangeError} if there are not as many values as the layout's local shape wants.
   * @throws {TypeError} if the memory is not of the type asked for.
   */
  constructor(
    device: Device,
    values: Float32Array | Float16Array | readonly number[] | Memory,
    options: ParameterOptions,
  ) {
    const layout = "layout" in options ? options.layout : new Layout<ProcessGroup>(options.shape);
    const shape = layout.localShape;
    const dtype = storageOf(values, options.dtype);
    const memory = values instanceof Memory
      ? values
      : Memory.from(device, values, { shape, dtype });
    super(memory, { shape, dtype, requiresGrad: true });
    this.layout = layout;
    this.name = options.name ?? "(unnamed)";
    this.#gradientDtype = options.gradientDtype ?? dtype;
  }

  /** Type of the gradient, which is rounded to it whenever some is added. */
  override get gradientDtype(): FloatType {
    return this.#gradientDtype;
  }

  /** Grows whenever values come from outside the optimizer, which then must not rely on what it knew of them. */
  get version(): number {
    return this.#version;
  }

  /** Overwrites this rank's values, rounded. @throws {RangeError} if there are not as many as the shape wants. */
  write(values: Float32Array | Float16Array | readonly number[]): void {
    this.overwrite(values);
    this.#version++;
  }

  /**
   * Overwrites this rank's values with elements of the parameter's own type as they lie in memory and in files. What
   * `bytes()` gives.
   *
   * @throws {RangeError} if there are not as many as the shape wants.
   */
  writeBytes(bytes: Uint8Array): void {
    this.overwriteBytes(bytes);
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
