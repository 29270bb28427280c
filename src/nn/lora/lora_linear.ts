// A linear layer with a low-rank addition (Hu et al. 2021, "LoRA"):
//
//   y = base(x) + s (x A^T) B^T        A [r, I], B [O, r], s = alpha / r        B begins at 0, so y begins as that of the base
//
// Where the base is split over ranks, so is the side of the addition that has the base's features: B by the output features of a column
// parallel layer, A by the input features of a row parallel one. The side of rank r is whole on every rank.

import { add } from "../../ops/add.ts";
import { scale } from "../../ops/scale.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import type { Dropout } from "../dropout.ts";
import { type Layer, Module } from "../module.ts";

/**
 * A linear layer, whole or split over ranks.
 *
 * @category Layers
 */
export type LinearLayer = Layer & {
  /** W, or this rank's part of it. */
  readonly weight: Parameter;
  /** b, if there is one. */
  readonly bias: Parameter | undefined;
};

/**
 * A linear layer with a low-rank addition: see {@linkcode addLora}.
 *
 * @category Layers
 */
export class LoraLinear extends Module<FloatTensor> {
  /** The layer that it adds to. */
  base: LinearLayer;
  /** x -> x A^T. */
  a: LinearLayer;
  /** h -> h B^T. */
  b: LinearLayer;
  /** r */
  readonly rank: number;
  /** s */
  readonly scale: number;
  /** Applied to the input of A. */
  readonly dropout: Dropout | undefined;
  /** Whether the base's weight is [out, in] or [in, out]. */
  readonly storage: "outIn" | "inOut";

  /** An addition to `base`. */
  constructor({ base, a, b, rank, scale, dropout, storage }: {
    readonly base: LinearLayer;
    readonly a: LinearLayer;
    readonly b: LinearLayer;
    readonly rank: number;
    readonly scale: number;
    readonly dropout: Dropout | undefined;
    readonly storage: "outIn" | "inOut";
  }) {
    super();
    this.base = base;
    this.a = a;
    this.b = b;
    this.rank = rank;
    this.scale = scale;
    this.dropout = dropout;
    this.storage = storage;
  }

  /** The weight of the base, without the addition. */
  get weight(): Parameter {
    return this.base.weight;
  }

  /** The bias of the base. */
  get bias(): Parameter | undefined {
    return this.base.bias;
  }

  /** As the base. */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const y = await this.base.forward(x);
    const dropped = this.dropout === undefined ? x : await this.dropout.forward(x);
    const added = await this.b.forward(await this.a.forward(dropped));
    return add(y, scale(added, this.scale));
  }
}
