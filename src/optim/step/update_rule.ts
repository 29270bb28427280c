// One half of an optimizer: what a step computes. The other half (optim/optimizer.ts) owns parameters and their groups, where
// they are placed, gradients, exchanges, loss scaling and states. A rule has four parts:
//
//   StateRule      what is kept per parameter            (optim/state/state_fields.ts)
//   PlanningRule   which sums a block has, and its record (optim/plan/plan_blocks.ts)
//   factoringOf    which dims of a parameter are rows and which columns
//   prepare        the kernel calls of a step

import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Layout } from "../../distributed/layout.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { Factoring } from "../factoring/dim_roles.ts";
import type { BlockMemory } from "../plan/block_memory.ts";
import type { PlanningRule } from "../plan/plan_blocks.ts";
import type { StepPlan } from "../plan/step_plan.ts";
import type { StateRule } from "../state/state_fields.ts";
import type { PassOperands } from "./passes.ts";

/** A parameter, its options and how it is cut. */
export interface Factored<Hyper> {
  readonly parameter: Parameter;
  readonly hyper: Hyper;
  readonly layout: Layout<ProcessGroup>;
}

/** What a step computes. `Measures` is what the rule reports of a parameter after a step. */
export interface UpdateRule<Hyper, Measures> extends StateRule<Hyper>, PlanningRule<Hyper> {
  /** The algorithm. */
  readonly name: string;
  /** Which dims of the parameter are rows, columns and batch to kernels; the same on all ranks. */
  factoringOf(parameter: Factored<Hyper>): Factoring;
  /** What changes from step to step, first the rate. @throws {RangeError} if a schedule gives none that can be used */
  numbersAt(hyper: Hyper, step: number): readonly number[];
  /** The kernel calls of steps by this plan. */
  prepare(device: Device, plan: StepPlan<Hyper>): StepPasses<Measures>;
}

/** The kernel calls of steps by one plan, and the device memory that they need from step to step. */
export interface StepPasses<Measures> extends Disposable {
  /** The records of the plan's blocks. */
  readonly memory: BlockMemory;
  /** Writes the numbers of the next step; nothing else has happened yet. @throws {RangeError} if a schedule gives none */
  begin(): void;
  /** Leaves sums of the gradients' squares, and whatever else the first exchange is to add up over ranks. */
  sumGradients(operands: PassOperands): void;
  /** All the rest, once gradients are known to be finite on all ranks; `exchange(k)` adds up the sums of exchange k. */
  update(operands: PassOperands, exchange: (which: number) => Promise<void>): Promise<void>;
  /** Measures of the last step for each of the plan's blocks, from the sums that it left. */
  measure(sums: Float32Array): Promise<readonly Measures[]>;
}
