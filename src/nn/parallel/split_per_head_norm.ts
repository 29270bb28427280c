// The layer norm of each head's features with weights of its own, where each rank has some of the heads and holds their weights. Ranks that
// hold the same heads each have a part of the gradient; their sum is that of the weights.

import { Layout } from "../../distributed/layout.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";
import { type PerHeadNorm, perHeadNorm } from "../per_head_norm.ts";
import { takeShard } from "../shard_of.ts";
import { copyToGroup } from "./group_exchanges.ts";
import type { SplitHeadsOptions } from "./split_rms_norm.ts";

/** Centres and scales the features of this rank's heads. */
export class SplitPerHeadNorm extends Module<FloatTensor> {
  /** [H_r, F] */
  readonly weight: Parameter;
  readonly #eps: number;
  readonly #options: SplitHeadsOptions;

  private constructor(weight: Parameter, { eps }: PerHeadNorm, options: SplitHeadsOptions) {
    super();
    this.weight = weight;
    this.#eps = eps;
    this.#options = options;
  }

  /** Takes this rank's part of a whole norm, which is released and must not be used after. */
  static fromNativeModule(norm: PerHeadNorm, options: SplitHeadsOptions): SplitPerHeadNorm {
    const { processGroup, replication, unit } = options;
    const { shape } = norm.weight;
    const group = replication?.shardGroup ?? processGroup;
    const layout = new Layout(shape, [{ dim: 0, group, unit: unit / shape[1] }]);
    return new SplitPerHeadNorm(takeShard(norm.weight, layout), norm, options);
  }

  /** x [B, T, H_r, F] -> [B, T, H_r, F] */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(() => {
      const group = this.#options.replication?.replicaGroup;
      const { name: label } = this.weight;
      const weight = group === undefined ? this.weight : copyToGroup(this.weight, { group, label });
      return perHeadNorm(x, { weight, eps: this.#eps });
    });
  }
}
