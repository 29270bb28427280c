// The layer norm of each head's features, with weights of its own for each head (Command R+):
//
//   y[b, t, h] = (x[b, t, h] - mean) / sqrt(var + eps) weight[h]          x [B, T, H, F], weight [H, F]
//
// Split over ranks, each holds the weights of its heads. Ranks that hold the same heads each have a part of the gradient; their sum is
// that of the weights.

import type { ProcessGroup } from "../distributed/group.ts";
import { Layout } from "../distributed/layout.ts";
import { constantNumbers } from "../ops/constant.ts";
import { mul } from "../ops/mul.ts";
import { layerNorm } from "../ops/norm.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { copyToGroup } from "./parallel/group_exchanges.ts";
import type { SplitHeadsOptions } from "./parallel/split_rms_norm.ts";
import { takeShard } from "./shard_of.ts";

/** Centres and scales the features of every head. */
export class PerHeadNorm extends Module<FloatTensor> {
  /** [H, F], or those of this rank's heads. */
  readonly weight: Parameter;
  readonly #eps: number;
  readonly #replicas: ProcessGroup | undefined;

  /** A norm with the given weights; `replicas` are the ranks that hold the same ones. */
  constructor({ weight, eps, replicas }: {
    readonly weight: Parameter;
    readonly eps: number;
    readonly replicas?: ProcessGroup | undefined;
  }) {
    super();
    this.weight = weight;
    this.#eps = eps;
    this.#replicas = replicas;
  }

  /** The norm of this rank's heads; this one is released and must not be used after. */
  split({ processGroup, unit, replication }: SplitHeadsOptions): PerHeadNorm {
    const { shape } = this.weight;
    const group = replication?.shardGroup ?? processGroup;
    const layout = new Layout(shape, [{ dim: 0, group, unit: unit / shape[1] }]);
    const weight = takeShard(this.weight, layout);
    return new PerHeadNorm({ weight, eps: this.#eps, replicas: replication?.replicaGroup });
  }

  /** x [B, T, H, F] -> [B, T, H, F] */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(() => {
      const group = this.#replicas;
      const { name: label } = this.weight;
      const weight = group === undefined ? this.weight : copyToGroup(this.weight, { group, label });
      const ones = constantNumbers(x.device, new Float32Array(weight.shape[1]).fill(1));
      return mul(layerNorm(x, { weight: ones, eps: this.#eps }), weight);
    });
  }
}
