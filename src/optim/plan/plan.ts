// What one step works on: a block per parameter that takes part, and where its sums lie in the one packed buffer.
//
// Blocks are sorted so that those that kernels can take together lie together, by what all meshes agree on: the norm of all
// gradients is added up in this order.

import {
  type BlockRecord,
  partialsLength,
  tileGrid,
  vectorLength,
} from "../../device/block_table.ts";
import type { Device, DeviceBuffer } from "../../device/device.ts";
import { storageTypes } from "../../device/storage_types.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import type { State } from "../state/parameter_state.ts";
import { type BlockGeometry, geometryOf, settingsOf } from "./block_records.ts";
import type { FactoredView } from "../factoring/factored_view.ts";
import type { Hyperparameters } from "../options/hyperparameters.ts";
import { matrixViews } from "../factoring/matrix_views.ts";
import { innerFirst, type SumsLayout, type SumSlots, SumsPlan } from "../sums/packed_sums.ts";
import { isSmall } from "../factoring/small_blocks.ts";
import { hasConfidence } from "../state/state_memory.ts";

/** A parameter that takes part, and this rank's block of it. */
export interface Participant {
  readonly parameter: Parameter;
  readonly hyper: Hyperparameters;
  readonly view: FactoredView<ProcessGroup>;
  /** Which of the optimizer's parameters it is. */
  readonly index: number;
  /** First element of this rank's block in the parameter's buffer. */
  readonly paramOffset: number;
  readonly state: State;
}

/** How a block's parameter is changed: each has a kernel of its own. */
export type StepKind = "plain" | "momentum" | "cautious" | "came";

/** One parameter in the present plan. */
export interface Source extends Participant {
  readonly kind: StepKind;
  /** Whether its tensors are copied together with others'. */
  readonly isSmall: boolean;
  /** How its elements lie. */
  readonly geometry: BlockGeometry;
}

/** What kernels work on: a parameter, or one matrix of it. */
export interface Block extends Participant {
  readonly kind: StepKind;
  /** Which of the plan's parameters it belongs to, and its first element in this rank's block of that. */
  readonly source: number;
  readonly within: number;
  /** What kernels know of it, apart from where its gradient and itself lie. */
  readonly record: BlockRecord;
  /** Sum g^2, u^2, p^2 of the whole parameter, in as many slots as `record` says. */
  readonly gradientSquares: SumSlots;
  readonly updateSquares: SumSlots;
  readonly paramSquares: SumSlots;
}

/** The parameters that take part, and the buffers of what is known of them. */
export interface Plan {
  readonly sources: readonly Source[];
  readonly blocks: readonly Block[];
  readonly statistics: SumsLayout<ProcessGroup>;
  readonly updates: SumsLayout<ProcessGroup>;
  readonly alignments: SumsLayout<ProcessGroup>;
  readonly confidences: SumsLayout<ProcessGroup>;
  /** CAME's blocks as its second half sees them: with momenta for gradients; empty without CAME. */
  readonly confidentBlocks: readonly Block[];
  /** Per block, how many ranks saw a gradient that is not finite. */
  readonly numNonFinite: SumSlots;
  /** What gradients are multiplied by in this step. */
  readonly gradientScale: SumSlots;
  /** 1, by which momenta are multiplied. */
  readonly one: SumSlots;
  readonly sums: DeviceBuffer;
  /** Elements that a step needs for the partial sums and the factors of all blocks. */
  readonly partialsLength: number;
  readonly factorsLength: number;
  /** Tiles and vector elements of all blocks. */
  readonly numTiles: number;
  readonly numVectors: number;
  /** Whether the sums are those of a finished step. */
  isFinished: boolean;
}

/** Lays out the sums of the blocks, which add up over `groups`, and allocates their buffer. */
export function planBlocks(
  device: Device,
  participants: readonly Participant[],
  groups: readonly ProcessGroup[],
): Plan {
  const sources = participants.map((each): Source => ({
    ...each,
    kind: kindOf(each),
    isSmall: isSmall(each.view),
    geometry: geometryOf(each.view, { kind: device.kind, even: hasHalves(each) }),
  })).sort((a, b) => orderOf(a) - orderOf(b));
  const inOrder = innerFirst(groups, sources.map(({ view }) => view));
  const statistics = new SumsPlan(inOrder);
  const updates = new SumsPlan(inOrder);
  const alignments = new SumsPlan(inOrder);
  const confidences = new SumsPlan(inOrder);
  const pieces = sources.flatMap((each, source) => {
    const { rows, cols } = each.view;
    const matrices = each.hyper.perMatrix
      ? matrixViews(each.view)
      : [{ view: each.view, global: undefined, local: 0 }];
    return matrices.map(({ view, global, local }) => {
      const geometry = geometryOf(view, { kind: device.kind, even: hasHalves(each) });
      return {
        ...each,
        view,
        local,
        source,
        within: local * rows * cols,
        geometry: global === undefined ? geometry : { ...geometry, batchBegin: global },
      };
    });
  });
  const planned = pieces.map((each) => {
    const { view: { batch, rows, cols, rowSumGroups, colSumGroups, groups }, geometry } = each;
    const perScalar = geometry.batchSlots * geometry.rowSlots;
    return {
      ...each,
      rowSums: statistics.add(batch * rows, rowSumGroups),
      colSums: statistics.add(batch * cols, colSumGroups),
      totals: statistics.add(batch * geometry.rowSlots, [...rowSumGroups, ...colSumGroups]),
      gradientSquares: statistics.addWatched(perScalar, groups),
      paramSquares: statistics.add(perScalar, groups),
      updateSquares: updates.add(perScalar, groups),
      aligned: alignments.add(each.kind === "cautious" ? perScalar : 0, groups),
      confidence: each.kind === "came"
        ? {
          rowSums: confidences.add(batch * rows, rowSumGroups),
          colSums: confidences.add(batch * cols, colSumGroups),
          totals: confidences.add(batch * geometry.rowSlots, [...rowSumGroups, ...colSumGroups]),
        }
        : undefined,
    };
  });
  const numNonFinite = statistics.add(groups.length === 0 ? 0 : planned.length, groups);
  const gradientScale = statistics.add(1, []);
  const one = statistics.add(1, []);
  const first = statistics.layOut();
  const second = updates.layOut(first.end);
  const third = alignments.layOut(second.end);
  const fourth = confidences.layOut(third.end);

  const end = { firstTile: 0, firstVector: 0, factors: 0, partials: 0 };
  const confidentBlocks: Block[] = [];
  const blocks = planned.map((entry): Block => {
    const { geometry, local, rowSums, colSums, totals, aligned, confidence, ...each } = entry;
    // Where a parameter has several blocks, each has its averages together.
    const momentsBefore = local * (geometry.rows + geometry.cols + 1);
    const record: BlockRecord = {
      ...geometry,
      ...settingsOf(each.hyper, each.view),
      ...end,
      gradOffset: 0,
      paramOffset: 0,
      momentumOffset: each.state.momentum?.offset ?? 0,
      moments: each.state.moments.offset + momentsBefore,
      rowSums: rowSums.offset,
      colSums: colSums.offset,
      totals: totals.offset,
      gradientSquares: each.gradientSquares.offset,
      updateSquares: each.updateSquares.offset,
      paramSquares: each.paramSquares.offset,
      // Where nothing is counted it must lie within the buffer all the same.
      aligned: each.kind === "cautious" ? aligned.offset : each.updateSquares.offset,
    };
    if (confidence !== undefined) {
      const moments = each.state.confidence!.offset + momentsBefore;
      const confident = confidentRecord({ ...record, moments }, each, confidence);
      confidentBlocks.push({ ...each, kind: "plain", record: confident });
    }
    end.firstTile += numTilesOf(record);
    end.firstVector += vectorLength(record);
    end.factors += record.batch * (record.rows + record.cols) + 1;
    end.partials += partialsLength(record);
    return { ...each, record };
  });

  const sums = device.allocate(4 * fourth.end);
  device.run("fill", { out: sums }, { offset: 0, length: fourth.end, value: 0 });
  device.run("fill", { out: sums }, { offset: one.offset, length: 1, value: 1 });
  return {
    sources,
    blocks,
    confidentBlocks,
    numNonFinite,
    gradientScale,
    one,
    sums,
    isFinished: false,
    statistics: first,
    updates: second,
    alignments: third,
    confidences: fourth,
    partialsLength: end.partials,
    factorsLength: end.factors,
    numTiles: end.firstTile,
    numVectors: end.firstVector,
  };
}

/** Tiles of a block. */
export function numTilesOf(record: BlockRecord): number {
  const { down, across } = tileGrid(record);
  return record.batch * down * across;
}

/** A block's record with sums of squared differences for those of squares, and a step that is not clipped. */
function confidentRecord(
  record: BlockRecord,
  { hyper }: Participant,
  { rowSums, colSums, totals }: Readonly<Record<"rowSums" | "colSums" | "totals", SumSlots>>,
): BlockRecord {
  return {
    ...record,
    rowSums: rowSums.offset,
    colSums: colSums.offset,
    totals: totals.offset,
    eps1: hyper.confidence!.eps,
    meanFloor: 0,
    clipThreshold: (2 - 2 ** -23) * 2 ** 127,
  };
}

function kindOf({ hyper, view }: Pick<Participant, "hyper" | "view">): StepKind {
  if (hasConfidence(view, hyper)) return "came";
  return hyper.beta1 === undefined ? "plain" : hyper.cautious ? "cautious" : "momentum";
}

/** By kind, then by size, then by what tensors are stored as. */
function orderOf({ kind, isSmall, parameter, hyper }: Source): number {
  const { dtype, gradientDtype } = parameter;
  const stored = [dtype, gradientDtype, hyper.momentumDtype].map((type) => storageTypes[type]);
  const size = [KINDS.indexOf(kind), isSmall ? 1 : 0, hyper.rounding === "nearest" ? 0 : 1];
  return [...size, ...stored].reduce((order, digit) => 4 * order + digit, 0);
}

/** Whether some tensor of the parameter is stored in 16 bits. */
function hasHalves({ parameter, hyper }: Participant): boolean {
  const { dtype, gradientDtype } = parameter;
  return [dtype, gradientDtype, hyper.momentumDtype].some((type) => type !== "f32");
}

const KINDS: readonly StepKind[] = ["plain", "momentum", "cautious", "came"];
