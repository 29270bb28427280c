// The RMS norm of each head's features, with one weight for all heads, where each rank has some of the heads: a rank's gradient of the
// weight is that of its own heads, and the sum over ranks, one all-reduce of C numbers, is that of all heads.

import type { ProcessGroup } from "../../distributed/group.ts";
import { rmsNorm } from "../../ops/norm.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import { copyToGroup } from "./group_exchanges.ts";
import { Module } from "../module.ts";
import type { RmsNorm } from "../rms_norm.ts";

/** Scales the features of every head. */
export class HeadRmsNorm extends Module<FloatTensor> {
  /** [C], whole on every rank. */
  readonly weight: Parameter;
  readonly #eps: number;
  readonly #offset: number;
  readonly #group: ProcessGroup;

  private constructor({ weight, eps, offset }: RmsNorm, processGroup: ProcessGroup) {
    super();
    this.weight = weight;
    this.#eps = eps;
    this.#offset = offset;
    this.#group = processGroup;
  }

  /** Takes over the weight of a layer, which must not be used after. */
  static fromNativeModule(
    norm: RmsNorm,
    { processGroup }: { readonly processGroup: ProcessGroup },
  ): HeadRmsNorm {
    return new HeadRmsNorm(norm, processGroup);
  }

  /** x [..., C] of this rank's heads -> [..., C] */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(() => {
      const { name: label } = this.weight;
      const weight = copyToGroup(this.weight, { group: this.#group, label });
      return rmsNorm(x, { weight, eps: this.#eps, offset: this.#offset });
    });
  }
}
