// y = x W + b,  x [..., I], W [I, O], b [O], y [..., O]        I input features, O output features
//
// As Linear, with a weight that is stored transposed, as in GPT-2's checkpoints (transformers' Conv1D): names, shapes, gradients and
// the optimizer's row and column statistics are those of the file.

import { matmul } from "../ops/matmul.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import type { LinearParameters } from "./linear_parameters.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { Module } from "./module.ts";
import { requireParameters } from "./parameter_checks.ts";

/**
 * An affine map of the last dim whose weight is [in, out].
 *
 * @category Layers
 */
export class TransposedLinear extends Module<FloatTensor> {
  /** W [I, O]. */
  readonly weight: Parameter;
  /** b [O]. */
  readonly bias: Parameter | undefined;

  /** A layer of existing parameters; the weight is [I, O]. */
  constructor(parameters: LinearParameters) {
    super();
    checkOptions("TransposedLinear", parameters, ["weight", "bias"]);
    const { weight, bias } = parameters;
    requireParameters("TransposedLinear", parameters);
    this.weight = weight;
    this.bias = bias;
  }

  /** x [..., I] -> [..., O]. @throws {RangeError} if the last dim of `x` is not I. */
  override forward(x: FloatTensor): Promise<Tensor> {
    return Promise.try(matmul, x, this.weight, this.bias);
  }
}
