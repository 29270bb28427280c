// Layer scale (Touvron et al. 2021): the output of a block's part, times a learned factor for each feature.
//
//   y[..., d] = lambda[d] x[..., d]

import type { LayerMaker } from "../../nn/layer_maker.ts";
import { Module } from "../../nn/module.ts";
import { embeddingAt } from "../../ops/embedding.ts";
import { mul } from "../../ops/mul.ts";
import { reshape } from "../../ops/reshape.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";

/**
 * A factor for each of D features.
 *
 * @category Models
 */
export class LayerScale extends Module<FloatTensor> {
  /** [D] */
  readonly factors: Parameter;

  /** Factors with parameters from `make`. */
  constructor(make: LayerMaker, { width, initial }: {
    readonly width: number;
    readonly initial: number;
  }) {
    super();
    this.factors = make.parameter("factors", { shape: [width], initial: { every: initial } });
  }

  /** x [..., D] -> [..., D] */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(() => {
      const { factors } = this;
      const width = factors.length;
      // The factors are the one row of a table, looked up for every token.
      const rows = embeddingAt(reshape(factors, [1, width]), new Uint32Array(x.length / width), {
        shape: x.shape.slice(0, -1),
      });
      return mul(x, rows);
    });
  }
}
