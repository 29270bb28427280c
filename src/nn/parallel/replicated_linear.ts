// A linear layer that is whole on every rank, of whose output each rank uses a part of its own: the gradient of the output is summed over
// the ranks, one all-reduce, so that every rank computes the whole gradients of x and of the parameters, with the same bits.
//
//   forward    y = x W^T + b                                  no communication
//   gradient   dy = sum over ranks of their parts;  dx = dy W;  dW = dy^T x

import type { ProcessGroup } from "../../distributed/group.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { type Layer, Module } from "../module.ts";
import { copyToGroup } from "./group_exchanges.ts";

/** A layer with a weight and perhaps a bias. */
type WholeLayer = Layer & { readonly weight: Parameter; readonly bias: Parameter | undefined };

/** Maps every row; each rank uses some of the columns. */
export class ReplicatedLinear extends Module<FloatTensor> {
  /** W, whole on every rank. */
  readonly weight: Parameter;
  /** b, whole on every rank. */
  readonly bias: Parameter | undefined;
  readonly #apply: (x: FloatTensor) => Promise<Tensor>;
  readonly #group: ProcessGroup;

  private constructor(layer: WholeLayer, processGroup: ProcessGroup) {
    super();
    this.weight = layer.weight;
    this.bias = layer.bias;
    this.#apply = (x) => layer.forward(x);
    this.#group = processGroup;
  }

  /** Takes over the parameters of a layer, which must not be used after. */
  static fromNativeModule(
    layer: WholeLayer,
    { processGroup }: { readonly processGroup: ProcessGroup },
  ): ReplicatedLinear {
    return new ReplicatedLinear(layer, processGroup);
  }

  /** x [..., I], equal on every rank, -> [..., O] */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const label = `y of ${this.weight.name}`;
    return copyToGroup(await this.#apply(x), { group: this.#group, label });
  }
}
