// Layers one after the other, and functions of tensors between them.

import { tidy } from "../tensor/scope.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { type Layer, Module } from "./module.ts";

/**
 * A part of a {@linkcode Sequential}: a layer, or a function such as `gelu`.
 *
 * @category Layers
 */
export type SequentialPart = Layer | ((x: Tensor) => Tensor | Promise<Tensor>);

/**
 * Applies layers and functions one after the other. What a function makes besides its result, such as constants, is released with the
 * result.
 *
 * @example
 * ```ts
 * import { gelu, Linear, requestDevice, Sequential, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using mlp = new Sequential([
 *   new Linear(device, { inFeatures: 4, outFeatures: 8 }),
 *   gelu,
 *   new Linear(device, { inFeatures: 8, outFeatures: 2 }),
 * ]);
 * using x = Tensor.from(device, [1, 2, 3, 4], { shape: [1, 4] });
 * using y = await mlp.forward(x);
 * console.log(y.shape, [...mlp.namedParameters().keys()]); // [1, 2], layers.0.weight, ..., layers.2.bias
 * ```
 *
 * @category Layers
 */
export class Sequential extends Module<FloatTensor> {
  /** The parts, in order. */
  readonly layers: readonly SequentialPart[];

  /** Parts in order. @throws {TypeError} if there is none, or one is neither a layer nor a function */
  constructor(layers: readonly SequentialPart[]) {
    super();
    if (!Array.isArray(layers) || layers.length === 0) {
      throw new TypeError("Sequential wants an array of at least one layer or function");
    }
    for (const [index, layer] of layers.entries()) {
      if (layer instanceof Module || typeof layer === "function") continue;
      throw new TypeError(
        `Sequential wants layers and functions of a tensor, got ${typeof layer} at ${index}`,
      );
    }
    this.layers = [...layers];
  }

  /** The result of the last part. */
  override async forward(x: FloatTensor): Promise<Tensor> {
    let y = x;
    for (const layer of this.layers) {
      y = layer instanceof Module ? await layer.forward(y) : await tidy(() => layer(y as Tensor));
    }
    return y as Tensor;
  }
}
