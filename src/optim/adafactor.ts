// Adafactor and CAME as optimizers: their update rule (optim/rules/adafactor_rule.ts has the equations) for whole parameters.

import type { Parameter } from "../tensor/parameter.ts";
import {
  adafactorKinds,
  type Hyperparameters,
  parseHyperparameters,
} from "./options/hyperparameters.ts";
import {
  type OptimizerOptions,
  type ParameterGroup,
  parseOptions,
} from "./options/parameter_groups.ts";
import { Optimizer } from "./optimizer.ts";
import type { Placement } from "./placement/placement.ts";
import { WholePlacement } from "./placement/whole_placement.ts";
import { type AdafactorMeasures, adafactorRule } from "./rules/adafactor_rule.ts";
import type { ParameterState } from "./state/adafactor_state.ts";
import type { StepDiagnostics } from "./step/diagnostics.ts";

export type { StepInBackwardOptions, StepOptions } from "./optimizer.ts";

/**
 * Measures of one step of Adafactor, for one parameter.
 *
 * @category Optimizers
 */
export interface ParameterDiagnostics extends StepDiagnostics, AdafactorMeasures {}

/**
 * Adafactor on one device: keeps a row and a column of statistics per matrix instead of the whole second moment.
 *
 * Parameters are f32, f16 or bf16 of any shape; by default the last two dims are factored; vectors and scalars keep the full
 * moment.
 * State: (rows + cols + 1) floats per matrix.
 *
 * Source: Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost" (2018), algorithms 4-6;
 * arguments and defaults as in `transformers.Adafactor`; {@linkcode presets} holds other implementations' choices.
 *
 * @category Optimizers
 *
 * @example
 * ```ts
 * import { Adafactor, mean, mul, Parameter, requestDevice } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice();
 * using weight = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using optim = new Adafactor([weight], { lr: 1e-3 });
 * using loss = mean(mul(weight, weight));
 * await optim.backward(loss);
 * await optim.step();
 * optim.zeroGrad();
 * ```
 */
export class Adafactor extends Optimizer<Hyperparameters, ParameterState, AdafactorMeasures> {
  /**
   * Optimizes `parameters`, all on one device: parameters, or groups of them with options of their own. They are whole on
   * this rank, unless `placement` says otherwise.
   *
   * @throws {TypeError} if an option does not exist, options exclude each other, parameters are given twice or on several
   *   devices, or one with stochastic rounding has rows of an odd number of 16-bit elements
   * @throws {RangeError} if a number is outside its range, or there is no parameter
   */
  constructor(
    parameters: Iterable<Parameter | ParameterGroup>,
    options: OptimizerOptions = {},
    placement: Placement = new WholePlacement(),
  ) {
    const parsed = parseOptions(ADAFACTOR_OPTIONS, parameters, options);
    super(adafactorRule, parsed, placement);
  }
}

const ADAFACTOR_OPTIONS = { kinds: adafactorKinds, parse: parseHyperparameters };
