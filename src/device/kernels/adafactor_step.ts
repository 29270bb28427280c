// The last passes of Adafactor and CAME over blocks: momentum, and the step itself. u = g min(rowFactor colFactor,
// cap) is the update.

import {
  blocks,
  factors,
  grad,
  gradFormat,
  type GradParam,
  guard,
  momentum,
  momentumFormat,
  type MomentumParam,
  newMomentum,
  newParam,
  newPartials,
  paramFormat,
  perTile,
  steps,
  tileRange,
  type TileRangeParam,
} from "./block_kernels.ts";
import type { Kernel } from "./kernel.ts";

const stepParams = {
  ...tileRange,
  ...gradFormat,
  ...paramFormat,
  factorsLength: "u32",
  // 1: 16-bit parameters are rounded up or down at random, with probabilities that make the mean exact.
  stochastic: "flag",
} as const;

const momentumStepParams = { ...stepParams, ...momentumFormat } as const;

const momentumParams = {
  ...tileRange,
  ...gradFormat,
  ...momentumFormat,
  factorsLength: "u32",
} as const;

const inputs = { grad, blocks, factors, steps, guard };
type Input = keyof typeof inputs;

/** Names of the parameters of a step. */
export type StepParam = keyof typeof stepParams;

/** A step that uses the momentum. */
export type MomentumStep = Kernel<
  Input | "param" | "momentum" | "partials",
  StepParam | MomentumParam
>;

/** A kernel that updates the momentum. */
export type MomentumKernel = Kernel<
  Input | "momentum" | "partials",
  TileRangeParam | GradParam | MomentumParam | "factorsLength"
>;

/**
 * p <- p - decay p - (a / d) u, and tiles' sums of the new p^2, as stored. Nothing of param is changed where
 * guard[0] != 0; the sums are taken all the same.
 */
export const adafactor_step: Kernel<Input | "param" | "partials", StepParam> = {
  operands: { ...inputs, param: newParam, partials: newPartials },
  params: stepParams,
  shader: perTile("adafactor_step", stepParams, { RULE: "step_by_update" }),
};

/**
 * As adafactor_step, with a running average:  momentum <- beta1 momentum + take u,  p <- p - decay p - over momentum
 * (the momentum before it is rounded to its storage type)
 */
export const adafactor_step_momentum: MomentumStep = {
  operands: { ...inputs, param: newParam, momentum: newMomentum, partials: newPartials },
  params: momentumStepParams,
  shader: perTile("adafactor_step", momentumStepParams, { RULE: "step_by_momentum" }),
};

/**
 * First half of a cautious step (Liang et al. 2024), which needs the number of aligned elements: the momentum as in
 * adafactor_step_momentum, and tiles' counts of its elements (as stored) that have the sign of `take u`. Where
 * guard[0] != 0 nothing is changed and the counts are 0.
 */
export const adafactor_tile_momentum: MomentumKernel = {
  operands: { ...inputs, momentum: newMomentum, partials: newPartials },
  params: momentumParams,
  shader: perTile("adafactor_momentum", momentumParams, { MEASURE: "aligned_counts" }),
};

/**
 * Second half of a cautious step: as adafactor_step_momentum, but the momentum is not changed, and elements of it that are
 * not aligned do not move the parameter.
 */
export const adafactor_step_cautious: MomentumStep = {
  operands: { ...inputs, param: newParam, momentum, partials: newPartials },
  params: momentumStepParams,
  shader: perTile("adafactor_step", momentumStepParams, { RULE: "step_by_aligned_momentum" }),
};

/**
 * CAME (Luo et al. 2023):  momentum <- beta1 momentum + take u, and partials of (u / d - momentum)^2 as
 * adafactor_tile_sums takes them of g^2; take and d are in `steps`, and the momentum is not yet rounded to its storage
 * type. Where guard[0] != 0 nothing is changed and they are 0.
 */
export const came_tile_sums: MomentumKernel = {
  operands: { ...inputs, momentum: newMomentum, partials: newPartials },
  params: momentumParams,
  shader: perTile("adafactor_momentum", momentumParams, { MEASURE: "confidence_squares" }),
};
