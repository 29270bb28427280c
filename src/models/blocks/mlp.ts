// The feed-forward network of a block: x [..., D] -> [..., D] with F hidden features.
//
//   plain   down(f(up x))
//   gated   down(f(gate x) * up x)                       (Shazeer 2020, "GLU variants improve transformer"); one layer may compute both
//
// In training, T5 drops some of the hidden features.

import type { Dropout, DropoutMasks } from "../../nn/dropout.ts";
import { inputPartOf } from "../../nn/parallel/input_part.ts";
import type { LayerMaker } from "../../nn/layer_maker.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { mul } from "../../ops/mul.ts";
import { slice } from "../../ops/slice.ts";
import { recompute } from "../../tensor/recompute.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import type { Activation } from "./activations.ts";
import type { MlpDescription } from "./block_description.ts";
import type { RoutingRecord } from "./routing_record.ts";

/**
 * Input of an {@linkcode Mlp}.
 *
 * @category Models
 */
export interface MlpInput {
  /** [..., D] */
  readonly x: FloatTensor;
  /** Masks of dropout, in training. Default: nothing is dropped. */
  readonly dropout?: DropoutMasks | undefined;
  /** Gets the decisions of routers, if there are experts. */
  readonly routing?: RoutingRecord | undefined;
}

/**
 * Two or three linear layers, applied to every token on its own.
 *
 * @category Models
 */
export class Mlp extends Module<MlpInput> {
  /** D -> F features; undefined unless it is gated, with two layers. */
  gate?: Layer;
  /** D -> F features; undefined if `gateUp` computes them. */
  up?: Layer;
  /** D -> 2 F features, gate and up, if one layer computes both. */
  gateUp?: Layer;
  /** F -> D features. */
  down: Layer;
  readonly #activation: Activation;
  readonly #dropout: Dropout | undefined;
  readonly #width: number;

  /** An MLP for blocks of D features. */
  constructor(make: LayerMaker, { width, description }: {
    readonly width: number;
    readonly description: MlpDescription;
  }) {
    super();
    const { kind, width: inner, bias, storage, activation, outputDeviation } = description;
    const widen = { inFeatures: width, outFeatures: inner, bias, storage };
    if (description.fusedGate) {
      this.gateUp = make.linear("gateUp", { ...widen, outFeatures: 2 * inner });
    } else {
      if (kind === "gated") this.gate = make.linear("gate", widen);
      this.up = make.linear("up", widen);
    }
    this.down = make.linear("down", {
      inFeatures: inner,
      outFeatures: width,
      bias,
      storage,
      deviation: outputDeviation,
    });
    this.#activation = activation;
    this.#dropout = make.dropout(description.dropout);
    this.#width = inner;
  }

  /** x [..., D] -> [..., D] */
  override async forward({ x, dropout }: MlpInput): Promise<Tensor> {
    return await this.down.forward(this.#dropHidden(await this.#hidden(x), dropout));
  }

  /** x [..., D] -> [..., F] */
  async #hidden(x: FloatTensor): Promise<Tensor> {
    const { gate, up, gateUp } = this;
    if (gateUp !== undefined) {
      const both = await gateUp.forward(x);
      const dim = both.shape.length - 1;
      const half = both.shape[dim] / 2;
      const gated = slice(both, { dim, begin: 0, end: half });
      return await this.#gated(gated, slice(both, { dim, begin: half, end: 2 * half }));
    }
    if (gate === undefined) return this.#activation(await up!.forward(x));
    return await this.#gated(await gate.forward(x), await up!.forward(x));
  }

  /** f(gate) is computed again in backward: it is a tenth of a block's activations, and quick. */
  async #gated(gate: Tensor, up: Tensor): Promise<Tensor> {
    return await recompute(() => Promise.resolve(mul(this.#activation(gate), up)));
  }

  /** Drops features by their indices among those of all ranks. */
  #dropHidden(x: Tensor, masks: DropoutMasks | undefined): Tensor {
    if (this.#dropout === undefined || masks === undefined) return x;
    const part = inputPartOf(this.down);
    const own = x.shape.at(-1);
    if (part === undefined && own !== this.#width) {
      throw new TypeError(
        `Cannot drop ${own} of ${this.#width} features without knowing which: the last layer must be a Linear1DRow`,
      );
    }
    return this.#dropout.apply(x, masks, part);
  }
}
