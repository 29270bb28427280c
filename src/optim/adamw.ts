// AdamW as an optimizer: its update rule (optim/rules/adamw_rule.ts has the equations) for whole parameters.

import type { Parameter } from "../tensor/parameter.ts";
import { Optimizer } from "./optimizer.ts";
import {
  type AdamWHyperparameters,
  adamwKinds,
  type AdamWOptimizerOptions,
  type AdamWOptions,
  parseAdamWOptions,
} from "./options/adamw_options.ts";
import { parseOptions } from "./options/parameter_groups.ts";
import type { Placement } from "./placement/placement.ts";
import { WholePlacement } from "./placement/whole_placement.ts";
import { type AdamWMeasures, adamwRule } from "./rules/adamw_rule.ts";
import type { AdamWParameterState } from "./state/adamw_state.ts";
import type { StepDiagnostics } from "./step/diagnostics.ts";

/**
 * Measures of one step of AdamW, for one parameter.
 *
 * @category Optimizers
 */
export interface AdamWDiagnostics extends StepDiagnostics, AdamWMeasures {}

/**
 * Parameters with options of their own; what is not given is taken from the optimizer's options.
 *
 * @category Optimizers
 */
export interface AdamWParameterGroup extends AdamWOptions {
  /** The group's parameters. */
  readonly parameters: Iterable<Parameter>;
}

/**
 * AdamW on one device: Adam with decoupled weight decay.
 *
 * Parameters are f32, f16 or bf16 of any shape. State: two floats per element, in f32 whatever the parameters are stored as.
 *
 * Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2; defaults as in
 * `torch.optim.AdamW`.
 *
 * @category Optimizers
 *
 * @example
 * ```ts
 * import { AdamW, mean, mul, Parameter, requestDevice } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice();
 * using weight = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using optim = new AdamW([weight], { lr: 1e-3, weightDecay: 0.1 });
 * using loss = mean(mul(weight, weight));
 * await optim.backward(loss);
 * await optim.step();
 * optim.zeroGrad();
 * ```
 */
export class AdamW extends Optimizer<AdamWHyperparameters, AdamWParameterState, AdamWMeasures> {
  /**
   * Optimizes `parameters`, all on one device: parameters, or groups of them with options of their own. They are whole on
   * this rank, unless `placement` says otherwise.
   *
   * @throws {TypeError} if an option does not exist, options exclude each other, parameters are given twice or on several
   *   devices, or one with stochastic rounding has pads inside
   * @throws {RangeError} if a number is outside its range, or there is no parameter
   */
  constructor(
    parameters: Iterable<Parameter | AdamWParameterGroup>,
    options: AdamWOptimizerOptions = {},
    placement: Placement = new WholePlacement(),
  ) {
    super(adamwRule, parseOptions(ADAMW_OPTIONS, parameters, options), placement);
  }
}

const ADAMW_OPTIONS = { kinds: adamwKinds, parse: parseAdamWOptions };
