// The interface that DistributedAdaFactor and DistributedAdamW share, so that one training tests both.

import { DistributedAdamW } from "../../../src/optim/distributed_adamw.ts";
import type { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import type { AdamWOptimizerOptions } from "../../../src/optim/options/adamw_options.ts";
import { parseAdamWOptions } from "../../../src/optim/options/adamw_options.ts";
import type { AdamWParameterState } from "../../../src/optim/state/adamw_state.ts";
import type { ParameterState } from "../../../src/optim/state/adafactor_state.ts";
import type { Parameter } from "../../../src/tensor/parameter.ts";
import { ReferenceAdamW } from "../../reference/adamw.ts";

/** A distributed optimizer of any update rule. */
export interface DistributedOptimizer extends
  Pick<
    DistributedAdaFactor,
    | "setupDistributed"
    | "parameters"
    | "backward"
    | "step"
    | "zeroGrad"
    | "lastStep"
    | "lastBackward"
    | "diagnostics"
    | typeof Symbol.dispose
  > {
  stateDict(): Promise<SavedStates>;
  loadStateDict(saved: SavedStates): void;
}

/** States by name, with the keys of the rule: those of Adafactor or of AdamW. */
export type SavedStates = Readonly<
  Record<string, ParameterState & Pick<AdamWParameterState, "firstMoment" | "secondMoment">>
>;

/** The same computed in float64 on one rank, for one parameter. */
export interface ReferenceOptimizer {
  readonly parameter: Float64Array;
  step(
    gradient: ArrayLike<number>,
    at: { readonly step: number; readonly gradientScale: number },
  ): void;
}

/** An optimizer and its reference. */
export interface TestedOptimizer {
  readonly optimizer: (parameters: readonly Parameter[]) => DistributedOptimizer;
  readonly reference: (start: Float32Array) => ReferenceOptimizer;
}

/** AdamW with these options. */
export function testedAdamW(options: AdamWOptimizerOptions): TestedOptimizer {
  const { maxGradientNorm: _, nonFinite: __, lossScale: ___, ...ofParameters } = options;
  const hyper = parseAdamWOptions(ofParameters);
  return {
    optimizer: (parameters) =>
      new DistributedAdamW(parameters, options) as unknown as DistributedOptimizer,
    reference: (start) => {
      const reference = new ReferenceAdamW(start);
      return {
        parameter: reference.parameter,
        step: (gradient, at) => reference.step(gradient, { ...at, hyper }),
      };
    },
  };
}
