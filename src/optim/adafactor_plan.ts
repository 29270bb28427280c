// What one step works on: a block per parameter that takes part, and where its sums lie in the one packed buffer.

import type { Device, DeviceBuffer } from "../device/device.ts";
import type { ProcessGroup } from "../dist/group.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { State } from "./adafactor_state.ts";
import type { FactoredView } from "./factored_moment.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import { type SumsLayout, type SumSlots, SumsPlan } from "./packed_sums.ts";

/** One parameter in the present plan. */
export interface Block {
  readonly parameter: Parameter;
  readonly hyper: Hyperparameters;
  readonly view: FactoredView<ProcessGroup>;
  /** First element of this rank's block in the parameter's buffer. */
  readonly paramOffset: number;
  readonly state: State;
  readonly rowSums: SumSlots;
  readonly colSums: SumSlots;
  readonly total: SumSlots;
  /** Sum g^2 of the whole parameter, where ranks exchange sums. */
  readonly gradientSquares: SumSlots;
  /** Sum p^2 before this step and, from `apply`, after it; they take turns. */
  readonly paramSquares: readonly [SumSlots, SumSlots];
  readonly updateSquares: SumSlots;
  /** Elements of momentum that a cautious step applies; empty where it is not cautious. */
  readonly aligned: SumSlots;
}

/** The parameters that take part, and one buffer for all their sums. */
export interface Plan {
  readonly blocks: readonly Block[];
  readonly statistics: SumsLayout<ProcessGroup>;
  readonly updates: SumsLayout<ProcessGroup>;
  readonly alignments: SumsLayout<ProcessGroup>;
  /** Per block, how many ranks saw a gradient that is not finite. */
  readonly numNonFinite: SumSlots;
  /** What gradients are multiplied by in this step. */
  readonly gradientScale: SumSlots;
  readonly sums: DeviceBuffer;
  /** Whether the sums are those of a finished step. */
  isFinished: boolean;
}

/** Lays out the sums of `owned` blocks, which add up over `groups`, and allocates their buffer. */
export function planBlocks(
  device: Device,
  owned: readonly Pick<Block, "parameter" | "hyper" | "view" | "paramOffset" | "state">[],
  groups: readonly ProcessGroup[],
): Plan {
  const perRank = groups.length === 0 ? 0 : 1;
  const statistics = new SumsPlan(groups);
  const updates = new SumsPlan(groups);
  const alignments = new SumsPlan(groups);
  const blocks = owned.map((block): Block => {
    const { batch, rows, cols, rowSumGroups, colSumGroups, groups } = block.view;
    return {
      ...block,
      rowSums: statistics.add(batch * rows, rowSumGroups),
      colSums: statistics.add(batch * cols, colSumGroups),
      total: statistics.addWatched(batch, [...rowSumGroups, ...colSumGroups]),
      gradientSquares: statistics.addWatched(perRank, groups),
      paramSquares: [statistics.add(1, groups), statistics.add(1, groups)],
      updateSquares: updates.add(1, groups),
      aligned: alignments.add(block.hyper.cautious ? 1 : 0, groups),
    };
  });
  const numNonFinite = statistics.add(perRank * blocks.length, groups);
  const gradientScale = statistics.addWatched(1, []);
  const first = statistics.layOut();
  const second = updates.layOut(first.end);
  const third = alignments.layOut(second.end);
  const laidOut = { statistics: first, updates: second, alignments: third };
  const sums = device.allocate(4 * third.end);
  device.run("fill", { out: sums }, { offset: 0, length: sums.byteLength / 4, value: 0 });
  return { blocks, ...laidOut, numNonFinite, gradientScale, sums, isFinished: false };
}

/** On one device, where the totals of all blocks lie one after the other: their range. */
export function totalsOf(blocks: readonly Block[]): { offset: number; length: number } {
  const length = blocks.reduce((sum, { total }) => sum + total.length, 0);
  return { offset: blocks[0].total.offset, length };
}
