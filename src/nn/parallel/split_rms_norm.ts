// The RMS norm of features that are split over ranks, as those of queries and keys are by heads (OLMo 2):
//
//   y_r = x_r / sqrt(sum over ranks of sum_c x_r^2 / C + eps) (offset + weight_r)     C features, those of rank r being x_r and weight_r
//   forward    one all-reduce, of a number per row;    gradient   another one
//
// Where several ranks hold the same features, the sum runs over ranks that hold different ones, and the replicas' gradients of the
// weight are summed.

import { Layout } from "../../distributed/layout.ts";
import { add } from "../../ops/add.ts";
import { rsqrt } from "../../ops/elementary.ts";
import { mul } from "../../ops/mul.ts";
import { sum } from "../../ops/sum.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";
import type { RmsNorm } from "../rms_norm.ts";
import { takeShard } from "../shard_of.ts";
import { copyToGroup, reduceFromGroup } from "./group_exchanges.ts";
import type { Linear1DColOptions } from "./linear_1d_col.ts";

/**
 * How the layer was split that computes features of heads: `unit` are those of heads that stay together.
 *
 * @category Layers
 */
export type SplitHeadsOptions =
  & Pick<Linear1DColOptions, "processGroup" | "replication">
  & { readonly unit: number };

/** Scales rows of which every rank has some features. */
export class SplitRmsNorm extends Module<FloatTensor> {
  /** This rank's weights. */
  readonly weight: Parameter;
  readonly #eps: number;
  readonly #offset: number;
  readonly #options: SplitHeadsOptions;

  private constructor(weight: Parameter, { eps, offset }: RmsNorm, options: SplitHeadsOptions) {
    super();
    this.weight = weight;
    this.#eps = eps;
    this.#offset = offset;
    this.#options = options;
  }

  /** Takes this rank's part of a whole norm, which is released and must not be used after. */
  static fromNativeModule(norm: RmsNorm, options: SplitHeadsOptions): SplitRmsNorm {
    const { processGroup, replication, unit } = options;
    const group = replication?.shardGroup ?? processGroup;
    const layout = new Layout(norm.weight.shape, [{ dim: 0, group, unit }]);
    return new SplitRmsNorm(takeShard(norm.weight, layout), norm, options);
  }

  /** This rank's features x [..., C_r] -> [..., C_r] */
  override async forward(x: FloatTensor): Promise<Tensor> {
    const { processGroup, replication } = this.#options;
    const group = replication?.shardGroup ?? processGroup;
    const label = `squares for ${this.weight.name}`;
    const own = sum(mul(x, x), { dim: x.shape.length - 1, keepDims: true });
    // All ranks use the sum, so its gradient is that of all.
    const all = copyToGroup(await reduceFromGroup(own, { group, label }), { group, label });
    const factor = rsqrt(add(mul(all, 1 / this.weight.layout.globalShape[0]), this.#eps));
    return mul(mul(x, factor), this.#factors());
  }

  #factors(): FloatTensor {
    const group = this.#options.replication?.replicaGroup;
    const { name: label } = this.weight;
    const weight = group === undefined ? this.weight : copyToGroup(this.weight, { group, label });
    return this.#offset === 0 ? weight : add(weight, this.#offset);
  }
}
