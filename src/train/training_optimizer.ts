// The optimizer of a training, by the name of its update rule.

import { DistributedAdaFactor } from "../optim/distributed_adafactor.ts";
import { DistributedAdamW } from "../optim/distributed_adamw.ts";
import type { LostUpdates } from "../optim/options/lost_updates.ts";
import type { OptimizerOptions } from "../optim/options/parameter_groups.ts";
import { presets } from "../optim/options/presets.ts";
import type { Schedule } from "../optim/options/schedule.ts";
import type { DistributedSetup } from "../optim/zero/distributed_setup.ts";
import type { Parameter } from "../tensor/parameter.ts";

/** How parameters are updated; what is left out has the default of the update rule. */
export interface TrainingOptimizerOptions extends
  Pick<
    OptimizerOptions,
    "masterWeights" | "rounding" | "beta1" | "weightDecay" | "maxGradientNorm"
  > {
  /** Default `"adafactor"`. */
  readonly algorithm?: Algorithm;
}

/** The update rules. */
export type Algorithm = "adafactor" | "came" | "adamw";

/** What a training asks of its optimizer. */
export interface TrainingOptimizer extends
  Pick<
    DistributedAdaFactor,
    | "agree"
    | "backward"
    | "step"
    | "zeroGrad"
    | "canStepInBackward"
    | "backwardAndStep"
    | "allocateState"
    | "gradientNorm"
    | "setupDistributed"
    | typeof Symbol.dispose
  > {
  /** As {@linkcode DistributedAdaFactor.stateDict}, of whatever rule. */
  stateDict(): Promise<Record<string, object>>;
  /** As {@linkcode DistributedAdaFactor.loadStateDict}. */
  loadStateDict(saved: Readonly<Record<string, object>>): void;
}

/** What the rest of training knows. */
interface TrainingFacts {
  /** Without it Adafactor takes relative steps, scaled by each parameter's RMS. */
  readonly lr: Schedule | undefined;
  readonly seed: number;
  readonly setup: DistributedSetup;
  readonly onLostUpdates: (lost: LostUpdates) => void;
}

/** Makes it and sets it up. @throws {TypeError} if the rule needs a learning rate and there is none */
export function trainingOptimizer(
  parameters: readonly Parameter[],
  { algorithm = "adafactor", beta1, ...options }: TrainingOptimizerOptions,
  { setup, lr, ...facts }: TrainingFacts,
): TrainingOptimizer {
  const given = Object.fromEntries(
    Object.entries({ ...options, ...facts }).filter(([, value]) => value !== undefined),
  );
  if (lr === undefined && algorithm !== "adafactor") {
    throw new TypeError(`Cannot train by ${algorithm} without a learning rate: give lr`);
  }
  const momentum = beta1 === undefined ? {} : { beta1 };
  const optim = algorithm === "adamw"
    ? new DistributedAdamW(parameters, { ...given, lr: lr!, betas: [beta1 ?? 0.9, 0.999] })
    : new DistributedAdaFactor(parameters, {
      ...(algorithm === "came" ? presets.came : {}),
      ...given,
      ...momentum,
      ...(lr === undefined ? {} : { lr, scaleParameter: false }),
    });
  optim.setupDistributed(setup);
  return optim;
}
