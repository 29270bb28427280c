// The kernel calls of one Adafactor step, for one block of one parameter (the equations: src/device/kernels.ts).

import type { Device, DeviceBuffer } from "../device/device.ts";
import type { Block } from "./adafactor_plan.ts";
import type { FactoredView } from "./factored_moment.ts";
import type { SumSlots } from "./packed_sums.ts";

/** Where one parameter's block lies: its gradient's, or its own. */
export interface GradientBlock {
  /** The memory that it lies in. */
  readonly buffer: DeviceBuffer;
  /** First element. */
  readonly offset: number;
}

/** The numbers of this step. */
export interface StepNumbers {
  readonly rate: number;
  readonly take: number;
  readonly decay: { readonly timesStep: number; readonly absolute: number };
}

/** What the passes work with, besides the block. */
export interface PassOperands {
  readonly device: Device;
  /** All sums of all parameters. */
  readonly sums: DeviceBuffer;
  /** A u32 that is not 0 once a gradient is not finite. */
  readonly guard: DeviceBuffer;
  readonly grad: GradientBlock;
  /** The block of the parameter itself. */
  readonly param: GradientBlock;
  readonly numbers: StepNumbers;
  /** What gradients are multiplied by. */
  readonly gradientScale: SumSlots;
  /** rsqrt(R / mean R) and rsqrt(C) of this step, and the most that their product counts for. */
  readonly factors: DeviceBuffer;
}

/** Pass 1: row sums, column sums and sum of g^2; and sum p^2, where the last step has not left it. */
export function sumStatistics(block: Block, { device, grad, param, sums }: PassOperands): void {
  const { parameter, view, state } = block;
  device.run("adafactor_stats", { grad: grad.buffer, sums }, {
    gradOffset: grad.offset,
    ...extent(view),
    ...statisticsSlots(block),
  });
  if (state.squaresOf === parameter.version) return;
  device.run("sum_squares", { x: param.buffer, sums }, {
    offset: param.offset,
    length: view.batch * view.rows * view.cols,
    slot: block.paramSquares[state.step % 2].offset,
  });
  state.squaresOf = parameter.version;
}

/** From the whole parameter's sums to R, C and this step's factors. */
export function advanceMoments(block: Block, operands: PassOperands): void {
  const { device, sums, guard, factors, gradientScale, numbers: { take } } = operands;
  const { view, state, hyper } = block;
  device.run("adafactor_moments", { sums, guard, moments: state.moments, factors }, {
    ...extent(view),
    ...statisticsSlots(block),
    gradientScale: gradientScale.offset,
    globalRows: view.globalRows,
    globalCols: view.globalCols,
    keep: 1 - take,
    take,
    eps1: hyper.eps1,
    meanFloor: view.factored ? hyper.meanFloor : 0,
    factorCap: hyper.factorCap,
  });
}

/** Pass 2: sum of u^2. */
export function sumUpdates(block: Block, { device, grad, factors, sums }: PassOperands): void {
  device.run("adafactor_update_squares", { grad: grad.buffer, factors, sums }, {
    gradOffset: grad.offset,
    ...extent(block.view),
    slot: block.updateSquares.offset,
  });
}

/** Before pass 3 of a cautious step: the momentum, and how many of its elements are to be applied. */
export function averageMomentum(block: Block, operands: PassOperands): void {
  const { device, sums, guard, grad, factors } = operands;
  const { view, state, hyper } = block;
  const bindings = { grad: grad.buffer, factors, guard, momentum: state.momentum!, sums };
  device.run("adafactor_momentum", bindings, {
    gradOffset: grad.offset,
    ...extent(view),
    ...stepSize(block, operands),
    beta1: hyper.beta1!,
    rateAfterMomentum: rateAfterMomentum(block),
    aligned: block.aligned.offset,
  });
}

/** Pass 3: the new parameter, and its sum of squares for the next step. */
export function applyUpdate(block: Block, operands: PassOperands): void {
  const { device, sums, guard, grad, param, factors, numbers } = operands;
  const { view, state, hyper } = block;
  const bindings = { grad: grad.buffer, factors, guard, param: param.buffer, sums };
  const params = {
    gradOffset: grad.offset,
    paramOffset: param.offset,
    ...extent(view),
    ...stepSize(block, operands),
    nextParamSquares: block.paramSquares[(state.step + 1) % 2].offset,
    weightDecay: signOf(block) * numbers.decay.timesStep,
    absoluteDecay: numbers.decay.absolute,
  };
  if (hyper.beta1 === undefined) {
    device.run("adafactor_apply", bindings, params);
  } else if (hyper.cautious) {
    device.run("adafactor_apply_cautious", { ...bindings, momentum: state.momentum! }, {
      ...params,
      rateAfterMomentum: rateAfterMomentum(block),
      aligned: block.aligned.offset,
    });
  } else {
    device.run("adafactor_apply_momentum", { ...bindings, momentum: state.momentum! }, {
      ...params,
      beta1: hyper.beta1,
      rateAfterMomentum: rateAfterMomentum(block),
    });
  }
}

/** What makes a and d. */
function stepSize(block: Block, { numbers }: PassOperands) {
  const { view, state, hyper } = block;
  return {
    updateSquares: block.updateSquares.offset,
    paramSquares: block.paramSquares[state.step % 2].offset,
    count: view.globalCount,
    rate: signOf(block) * numbers.rate,
    scaleParameter: hyper.scaleParameter ? 1 : 0,
    scaleFloor: hyper.scaleFloor,
    scaleCeiling: hyper.scaleCeiling,
    clipThreshold: hyper.clipThreshold,
  };
}

/** Uphill is a negative rate; what decays must not change its sign with it. */
function signOf({ hyper }: Block): number {
  return hyper.maximize ? -1 : 1;
}

function rateAfterMomentum({ hyper }: Block): number {
  return hyper.momentumOf === "update" ? 1 : 0;
}

function extent({ batch, rows, cols }: FactoredView<unknown>) {
  return { batch, rows, cols };
}

function statisticsSlots({ rowSums, colSums, total }: Block) {
  return { rowSums: rowSums.offset, colSums: colSums.offset, total: total.offset };
}
