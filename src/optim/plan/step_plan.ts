// The plan of a step: a block per parameter that takes part, and the layout of all sums in one packed buffer.

import type { BlockRecord } from "../../device/block_table.ts";
import type { DeviceBuffer } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { FactoredView } from "../factoring/factored_view.ts";
import type { SharedHyperparameters } from "../options/shared_options.ts";
import type { State } from "../state/parameter_state.ts";
import type { SumsLayout, SumSlots } from "../sums/packed_sums.ts";
import type { BlockGeometry } from "./block_records.ts";

/** A parameter that takes part, and this rank's block of it. */
export interface Participant<Hyper = SharedHyperparameters> {
  readonly parameter: Parameter;
  readonly hyper: Hyper;
  readonly view: FactoredView<ProcessGroup>;
  /** Its index among the optimizer's parameters. */
  readonly index: number;
  /** First element of this rank's block in the parameter's buffer. */
  readonly paramOffset: number;
  readonly state: State;
}

/** One parameter in the present plan. */
export interface PlannedParameter<Hyper = SharedHyperparameters> extends Participant<Hyper> {
  /** The rule's name of the kind of step: each kind has a kernel of its own. */
  readonly kind: string;
  /** Whether its tensors are copied together with others'. */
  readonly isSmall: boolean;
  /** The storage and cut of its elements. */
  readonly geometry: BlockGeometry;
}

/** A unit of the kernels' work: a parameter, or one matrix of it. */
export interface PlannedBlock<Hyper = SharedHyperparameters> extends Participant<Hyper> {
  readonly kind: string;
  /** Which of the plan's parameters it belongs to, and its first element in this rank's block of that. */
  readonly source: number;
  readonly within: number;
  /** Its record, but for the offsets of its tensors. */
  readonly record: BlockRecord;
  /** The same for a second pass of the rule over the block, where there is one. */
  readonly second: BlockRecord | undefined;
  /** Sum g^2 of the whole parameter, in as many slots as `record` says. */
  readonly gradientSquares: SumSlots;
}

/** The parameters that take part, and the buffer of their sums. */
export interface StepPlan<Hyper = SharedHyperparameters> {
  readonly sources: readonly PlannedParameter<Hyper>[];
  readonly blocks: readonly PlannedBlock<Hyper>[];
  /** The exchanges of sums over ranks, in order; the first has the gradients' squares. */
  readonly exchanges: readonly SumsLayout<ProcessGroup>[];
  /** Per block, how many ranks saw a gradient that is not finite. */
  readonly numNonFinite: SumSlots;
  /** The factor of gradients in this step. */
  readonly gradientScale: SumSlots;
  /** The number 1. */
  readonly one: SumSlots;
  readonly sums: DeviceBuffer;
  /** Elements that a step needs for the partial sums and the factors of all blocks. */
  readonly partialsLength: number;
  readonly factorsLength: number;
  /** Vector elements of all blocks. */
  readonly numVectors: number;
  /** Whether the sums are those of a finished step. */
  isFinished: boolean;
}
