// The plan of the present step and the device memory of its records. It is kept until other parameters take part, or blocks
// or groups change.

import type { Device } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { type Participant, type Plan, planBlocks } from "./plan.ts";
import { BlockMemory } from "./block_memory.ts";
import { confidenceMemory } from "../step/came_step.ts";

/** A plan with the memory of its records; the owner of both. */
export class PresentPlan implements Disposable {
  readonly plan: Plan;
  readonly memory: BlockMemory;
  /** Where there is CAME. */
  readonly confidence: BlockMemory | undefined;
  /** What gradients were multiplied by in the step that was planned last. */
  lossScale = 1;
  readonly #parameters: readonly Parameter[];

  /** Plans for the participants, whose sums add up over `groups`. */
  constructor(
    device: Device,
    participants: readonly Participant[],
    groups: readonly ProcessGroup[],
  ) {
    this.#parameters = participants.map(({ parameter }) => parameter);
    this.plan = planBlocks(device, participants, groups);
    this.memory = new BlockMemory(device, this.plan.blocks.length);
    this.confidence = confidenceMemory(device, this.plan);
  }

  /** Whether it is a plan for these parameters. */
  isFor(parameters: readonly Parameter[]): boolean {
    return parameters.length === this.#parameters.length &&
      parameters.every((each, index) => each === this.#parameters[index]);
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.plan.sums[Symbol.dispose]();
    this.memory[Symbol.dispose]();
    this.confidence?.[Symbol.dispose]();
  }
}
