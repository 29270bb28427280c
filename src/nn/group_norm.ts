// Group normalization (Wu & He 2018) of x [B, C, ...]: the channels of a group of one example have mean 0 and variance 1.
//
//   y = (x - mean) / sqrt(var + eps) weight + bias        mean and variance over C / G channels and all positions

import { checkOptions } from "../tensor/option_names.ts";
import type { Device } from "../device/device.ts";
import { add, sub } from "../ops/add.ts";
import { rsqrt } from "../ops/elementary.ts";
import { mean } from "../ops/mean.ts";
import { mul } from "../ops/mul.ts";
import { reshape } from "../ops/reshape.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { formatShape } from "../tensor/shape.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { constantParameter, type NormSize } from "./norm_parameters.ts";

/**
 * Options of {@linkcode GroupNorm}; `features` are the channels C.
 *
 * @category Layers
 */
export interface GroupNormOptions extends NormSize {
  /** G: a divisor of C. */
  readonly groups: number;
  /** Added to the variance. Default: 1e-5. */
  readonly eps?: number;
}

/**
 * Centres and scales groups of channels of every example.
 *
 * @example
 * ```ts
 * import { GroupNorm, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using layer = new GroupNorm(device, { features: 4, groups: 2 });
 * using x = Tensor.from(device, [1, 3, 5, 9], { shape: [1, 4] });
 * using y = await layer.forward(x);
 * console.log(await y.data()); // near -1, 1, -1, 1
 * ```
 *
 * @category Layers
 */
export class GroupNorm extends Module<FloatTensor> {
  /** [C] */
  readonly weight: Parameter;
  /** [C] */
  readonly bias: Parameter;
  /** G */
  readonly groups: number;
  /** Added to the variance. */
  readonly eps: number;

  /** Makes a new layer. @throws {RangeError} if a number is no positive integer, or G does not divide C */
  constructor(device: Device, options: GroupNormOptions) {
    super();
    checkOptions("GroupNorm", options, ["features", "groups", "eps", "dtype", "gradientDtype"]);
    const { features, groups, eps = 1e-5 } = options;
    if (!Number.isSafeInteger(groups) || groups < 1 || features % groups !== 0) {
      throw new RangeError(
        `GroupNorm wants groups that divide ${features} features, got ${groups}`,
      );
    }
    this.weight = constantParameter(device, 1, options);
    this.bias = constantParameter(device, 0, options);
    this.groups = groups;
    this.eps = eps;
  }

  /** x [B, C, ...] -> the same shape. @throws {RangeError} if the second dim of `x` is not C */
  // deno-lint-ignore require-await -- an error rejects
  override async forward(x: FloatTensor): Promise<Tensor> {
    const { weight, bias, groups, eps } = this;
    const [batch, channels] = x.shape;
    if (x.shape.length < 2 || channels !== weight.length) {
      throw new RangeError(
        `GroupNorm wants x of [B, ${weight.length}, ...], got ${formatShape(x.shape)}`,
      );
    }
    const grouped = reshape(x, [batch, groups, x.length / (batch * groups)]);
    const ofGroup = (x: FloatTensor) => mean(x, { dim: 2, keepDims: true });
    const centred = sub(grouped, ofGroup(grouped));
    const normed = mul(centred, rsqrt(add(ofGroup(mul(centred, centred)), eps)));
    const alongChannels = x.shape.map((_, dim) => dim === 1 ? channels : 1);
    return add(
      mul(reshape(normed, x.shape), reshape(weight, alongChannels)),
      reshape(bias, alongChannels),
    );
  }
}
