// The plan of a step. Blocks are sorted so that those that kernels can take together are next to each other, by what all
// meshes agree on: the norm of all gradients is added up in this order.

import {
  type BlockRecord,
  partialsLength,
  tileGrid,
  vectorLength,
  zeroRecord,
} from "../../device/block_table.ts";
import type { Device } from "../../device/device.ts";
import { storageTypes } from "../../device/storage_types.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { isSmall } from "../factoring/factored_view.ts";
import { matrixViews } from "../factoring/matrix_views.ts";
import type { SharedHyperparameters } from "../options/shared_options.ts";
import { tensorFields } from "../state/state_fields.ts";
import { innerFirst, SumsPlan } from "../sums/packed_sums.ts";
import { type BlockGeometry, geometryOf } from "./block_records.ts";
import type { Participant, PlannedBlock, PlannedParameter, StepPlan } from "./step_plan.ts";

/** A block whose sums have no place yet. */
export interface UnplacedBlock<Hyper> extends Participant<Hyper> {
  readonly kind: string;
  readonly geometry: BlockGeometry;
  /** Which of this rank's matrices it is, where each is a block by itself. */
  readonly local: number;
}

/** The fields of a record that the update rule fills in: those that its kernels read. */
export type RuleRecord = Partial<
  Omit<
    BlockRecord,
    | keyof BlockGeometry
    | "firstTile"
    | "firstVector"
    | "factors"
    | "partials"
    | "gradOffset"
    | "paramOffset"
    | "momentumOffset"
    | "secondMomentOffset"
    | "gradientSquares"
  >
>;

/** The fields that the rule adds to a block's record, and those that it changes for a second pass. */
export interface RuleRecords {
  readonly record: RuleRecord;
  readonly second?: RuleRecord;
}

/** The part of an update rule that plans a step. */
export interface PlanningRule<Hyper> {
  /** Kinds of blocks, in the order in which they are stepped. */
  readonly kinds: readonly string[];
  /** The kind of a parameter. */
  kindOf(participant: Participant<Hyper>): string;
  /** Whether each matrix of a parameter is a block by itself. */
  isPerMatrix(hyper: Hyper): boolean;
  /** How often ranks exchange sums in a step. */
  readonly numExchanges: number;
  /** Reserves room for the block's sums in the exchanges; the result makes its records once all sums are laid out. */
  reserveSums(
    block: UnplacedBlock<Hyper>,
    exchanges: readonly SumsPlan<ProcessGroup>[],
  ): (gradientSquares: number) => RuleRecords;
}

/** Lays out the sums of the blocks, which add up over `groups`, and allocates their buffer. */
export function planBlocks<Hyper extends SharedHyperparameters>(
  device: Device,
  rule: PlanningRule<Hyper>,
  { participants, groups }: {
    readonly participants: readonly Participant<Hyper>[];
    readonly groups: readonly ProcessGroup[];
  },
): StepPlan<Hyper> {
  const sources = participants.map((each): PlannedParameter<Hyper> => ({
    ...each,
    kind: rule.kindOf(each),
    isSmall: isSmall(each.view),
    geometry: geometryOf(each.view, { kind: device.kind, even: hasHalves(each) }),
  })).sort((a, b) => orderOf(a, rule.kinds) - orderOf(b, rule.kinds));
  const inOrder = innerFirst(groups, sources.map(({ view }) => view));
  const exchanges = Array.from({ length: rule.numExchanges }, () => new SumsPlan(inOrder));
  const [first] = exchanges;
  const planned = sources.flatMap((each, source) =>
    blocksOf(each, { device, isPerMatrix: rule.isPerMatrix(each.hyper) }).map((block) => ({
      block,
      source,
      gradientSquares: first.addWatched(
        block.geometry.batchSlots * block.geometry.rowSlots,
        block.view.groups,
      ),
      recordsOf: rule.reserveSums(block, exchanges),
    }))
  );
  const numNonFinite = first.add(groups.length === 0 ? 0 : planned.length, groups);
  const gradientScale = first.add(1, []);
  const one = first.add(1, []);
  let sumsLength = 0;
  const layouts = exchanges.map((exchange) => {
    const layout = exchange.layOut(sumsLength);
    sumsLength = layout.end;
    return layout;
  });

  const end = { firstTile: 0, firstVector: 0, factors: 0, partials: 0 };
  const blocks = planned.map(
    ({ block, source, gradientSquares, recordsOf }): PlannedBlock<Hyper> => {
      const { geometry, local, ...participant } = block;
      const { record: own, second } = recordsOf(gradientSquares.offset);
      const record: BlockRecord = {
        ...zeroRecord,
        ...geometry,
        ...own,
        ...end,
        gradientSquares: gradientSquares.offset,
      };
      end.firstTile += numTilesOf(record);
      end.firstVector += vectorLength(record);
      end.factors += record.batch * (record.rows + record.cols) + 1;
      end.partials += partialsLength(record);
      return {
        ...participant,
        source,
        within: local * record.rows * record.cols,
        gradientSquares,
        record,
        second: second && { ...record, ...second },
      };
    },
  );

  const sums = device.allocate(4 * sumsLength);
  device.run("fill", { out: sums }, { offset: 0, length: sumsLength, value: 0 });
  device.run("fill", { out: sums }, { offset: one.offset, length: 1, value: 1 });
  return {
    sources,
    blocks,
    exchanges: layouts,
    numNonFinite,
    gradientScale,
    one,
    sums,
    isFinished: false,
    partialsLength: end.partials,
    factorsLength: end.factors,
    numVectors: end.firstVector,
  };
}

/** Tiles of a block. */
export function numTilesOf(record: BlockRecord): number {
  const { down, across } = tileGrid(record);
  return record.batch * down * across;
}

/** The parameter as one block, or as one for each matrix of the whole parameter. */
function blocksOf<Hyper extends SharedHyperparameters>(
  { isSmall: _, ...parameter }: PlannedParameter<Hyper>,
  { device, isPerMatrix }: { readonly device: Device; readonly isPerMatrix: boolean },
): UnplacedBlock<Hyper>[] {
  if (!isPerMatrix) return [{ ...parameter, local: 0 }];
  return matrixViews(parameter.view).map(({ view, global, local }) => {
    const geometry = geometryOf(view, { kind: device.kind, even: hasHalves(parameter) });
    return { ...parameter, view, local, geometry: { ...geometry, batchBegin: global } };
  });
}

/** By kind, then by size, then by what tensors are stored as. */
function orderOf(
  { kind, isSmall, parameter, hyper, state }: PlannedParameter,
  kinds: readonly string[],
): number {
  const { dtype, gradientDtype } = parameter;
  const stored = [dtype, gradientDtype, ...tensorFields(state.fields).map(({ dtype }) => dtype)];
  const size = [kinds.indexOf(kind), isSmall ? 1 : 0, hyper.rounding === "nearest" ? 0 : 1];
  const digits = [...size, ...stored.map((type) => storageTypes[type])];
  // Rules have at most two tensors per parameter.
  return Array.from({ length: 7 }, (_, k) => digits[k] ?? 0)
    .reduce((order, digit) => 4 * order + digit, 0);
}

/** Whether some tensor of the parameter is stored in 16 bits. */
function hasHalves({ parameter, state }: Participant): boolean {
  const { dtype, gradientDtype } = parameter;
  const ofState = tensorFields(state.fields).map(({ dtype }) => dtype);
  return [dtype, gradientDtype, ...ofState].some((type) => type !== "f32");
}
