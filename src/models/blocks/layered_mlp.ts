// A network of any number of linear layers with rectifiers between them: x [..., I] -> last(relu(...relu(first x))) [..., O]

import type { LayerMaker } from "../../nn/layer_maker.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { relu } from "../../ops/activation.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/**
 * Linear layers, one after the other.
 *
 * @category Models
 */
export class LayeredMlp extends Module<FloatTensor> {
  /** I -> F features. */
  readonly first: Layer;
  /** F -> F features, each. */
  readonly hidden: readonly Layer[];
  /** F -> O features. */
  readonly last: Layer;

  /** A network of `depth` layers, at least two. */
  constructor(make: LayerMaker, { inFeatures, width, outFeatures, depth }: {
    readonly inFeatures: number;
    readonly width: number;
    readonly outFeatures: number;
    readonly depth: number;
  }) {
    super();
    const layer = (name: string, inFeatures: number, outFeatures: number) =>
      make.linear(name, { inFeatures, outFeatures, bias: true });
    this.first = layer("first", inFeatures, width);
    this.hidden = Array.from(
      { length: Math.max(depth - 2, 0) },
      (_, k) => layer(`hidden.${k}`, width, width),
    );
    this.last = layer("last", width, outFeatures);
  }

  /** x [..., I] -> [..., O] */
  override async forward(x: FloatTensor): Promise<Tensor> {
    let y = relu(await this.first.forward(x));
    for (const layer of this.hidden) y = relu(await layer.forward(y));
    return await this.last.forward(y);
  }
}
