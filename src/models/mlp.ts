// The feed-forward part of a block: x [..., D] -> [..., D] by way of F features.
//
//   plain   down(f(up x))
//   gated   down(f(gate x) * up x)                       (Shazeer 2020, "GLU variants improve transformer")

import type { LayerMaker } from "../nn/layer_maker.ts";
import { type Layer, Module } from "../nn/module.ts";
import { mul } from "../ops/mul.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import type { Activation } from "./activations.ts";
import type { MlpDescription } from "./decoder_description.ts";

/** Two or three layers that see every token alone. */
export class Mlp extends Module<FloatTensor> {
  /** D -> F features; undefined in a plain one. */
  gate?: Layer;
  /** D -> F features. */
  up: Layer;
  /** F -> D features. */
  down: Layer;
  readonly #activation: Activation;

  /** For blocks of D features. */
  constructor(make: LayerMaker, { width, description }: {
    readonly width: number;
    readonly description: MlpDescription;
  }) {
    super();
    const { kind, width: inner, bias, storage, activation, outputDeviation } = description;
    const widen = { inFeatures: width, outFeatures: inner, bias, storage };
    if (kind === "gated") this.gate = make.linear("gate", widen);
    this.up = make.linear("up", widen);
    this.down = make.linear("down", {
      ...{ inFeatures: inner, outFeatures: width, bias, storage, deviation: outputDeviation },
    });
    this.#activation = activation;
  }

  /** x [..., D] -> [..., D] */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const active = this.#activation(await (this.gate ?? this.up).forward(x));
    const inner = this.gate === undefined ? active : mul(active, await this.up.forward(x));
    return await this.down.forward(inner);
  }
}
