// ZeRO by rows: rank z of the data-parallel group owns a run of dim 0 of every local parameter (of the elements, for
// vectors), keeps optimizer state for it alone, and updates it alone.
//
//   gradients   packed by owner, one reduce-scatter:   | rank 0's rows of every parameter | rank 1's ... |
//   parameters  packed likewise, one all-gather
//
// Cutting at row boundaries, not at bytes, keeps the factored statistics exact (optim/factored_moment.ts). Runs may be
// uneven, and empty where a parameter has fewer rows than there are ranks.
//
// Without ZeRO a data-parallel group just averages: one all-reduce of the same packed gradients.

import type { Device, DeviceBuffer } from "../device/device.ts";
import type { ProcessGroup } from "../dist/group.ts";
import { type Range, shardRange } from "../dist/layout.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { GradientBlock } from "./adafactor_passes.ts";

/** The run of dim 0 that `rank` owns, and the elements that it covers. */
export function ownedRows(
  { shape }: Parameter,
  { rank, size }: { rank: number; size: number },
): { rows: Range; elements: Range } {
  const length = shape[0] ?? 1;
  const stride = shape.slice(1).reduce((product, each) => product * each, 1);
  const rows = shardRange(length, size, rank);
  return { rows, elements: { begin: rows.begin * stride, end: rows.end * stride } };
}

/** Averages gradients over the group and returns this rank's rows of each; buffers live on `scope`. */
export async function reduceScatterGradients(
  parameters: readonly Parameter[],
  group: ProcessGroup,
  scope: DisposableStack,
): Promise<GradientBlock[]> {
  const device = parameters[0].device;
  const { counts, offsets } = packByOwner(parameters, group);
  const values = await readPacked(device, counts, (packed) => {
    forEachRun(parameters, group, offsets, (parameter, { begin, length, at }) => {
      device.copy(parameter.grad!.buffer, 4 * begin, packed, 4 * at, 4 * length);
    });
  });
  const mine = await group.reduceScatter(values, counts);
  return unpackAverage(
    device,
    mine,
    group.size,
    scope,
    parameters.map((parameter) => {
      const { begin, end } = ownedRows(parameter, group).elements;
      return end - begin;
    }),
  );
}

/** Averages whole gradients over the group; buffers live on `scope`. */
export async function averageGradients(
  parameters: readonly Parameter[],
  group: ProcessGroup,
  scope: DisposableStack,
): Promise<GradientBlock[]> {
  const device = parameters[0].device;
  const lengths = parameters.map((parameter) => ownedRows(parameter, ALONE).elements.end);
  const values = await readPacked(device, lengths, (packed) => {
    let at = 0;
    for (const [index, { grad }] of parameters.entries()) {
      device.copy(grad!.buffer, 0, packed, 4 * at, 4 * lengths[index]);
      at += lengths[index];
    }
  });
  await group.allReduce(values);
  return unpackAverage(device, values, group.size, scope, lengths);
}

/** Gives every rank of the group all rows of every parameter, each from its owner. */
export async function allGatherParameters(
  parameters: readonly Parameter[],
  group: ProcessGroup,
): Promise<void> {
  const device = parameters[0].device;
  const { counts, offsets } = packByOwner(parameters, group);
  const first = offsets[group.rank];
  const mine = await readPacked(device, [counts[group.rank]], (packed) => {
    forEachRun(parameters, group, offsets, (parameter, { begin, length, at, rank }) => {
      if (rank !== group.rank) return;
      device.copy(parameter.buffer, 4 * begin, packed, 4 * (at - first), 4 * length);
    });
  });
  const values = await group.allGather(mine, counts);
  using packed = device.allocate(values.byteLength);
  device.write(packed, values);
  forEachRun(parameters, group, offsets, (parameter, { begin, length, at, rank }) => {
    if (rank === group.rank) return;
    device.copy(packed, 4 * at, parameter.buffer, 4 * begin, 4 * length);
  });
}

const ALONE = { rank: 0, size: 1 };

/** Elements per owner, and where each owner's run begins. */
function packByOwner(
  parameters: readonly Parameter[],
  { size }: ProcessGroup,
): { counts: number[]; offsets: number[] } {
  const counts = Array.from({ length: size }, (_, rank) =>
    parameters.reduce((total, parameter) => {
      const { begin, end } = ownedRows(parameter, { rank, size }).elements;
      return total + end - begin;
    }, 0));
  let offset = 0;
  const offsets = counts.map((count) => (offset += count) - count);
  return { counts, offsets };
}

interface OwnedRun {
  /** First element in the parameter. */
  readonly begin: number;
  readonly length: number;
  /** First element in the packed buffer. */
  readonly at: number;
  readonly rank: number;
}

function forEachRun(
  parameters: readonly Parameter[],
  { size }: ProcessGroup,
  offsets: readonly number[],
  visit: (parameter: Parameter, run: OwnedRun) => void,
): void {
  for (let rank = 0; rank < size; rank++) {
    let at = offsets[rank];
    for (const parameter of parameters) {
      const { begin, end } = ownedRows(parameter, { rank, size }).elements;
      if (end > begin) visit(parameter, { begin, length: end - begin, at, rank });
      at += end - begin;
    }
  }
}

async function readPacked(
  device: Device,
  lengths: readonly number[],
  pack: (packed: DeviceBuffer) => void,
): Promise<Float32Array> {
  using packed = device.allocate(4 * lengths.reduce((total, length) => total + length, 0));
  pack(packed);
  return new Float32Array((await device.read(packed)).buffer);
}

function unpackAverage(
  device: Device,
  values: Float32Array,
  numRanks: number,
  scope: DisposableStack,
  lengths: readonly number[],
): GradientBlock[] {
  for (let index = 0; index < values.length; index++) values[index] /= numRanks;
  const buffer = scope.use(device.allocate(values.byteLength));
  device.write(buffer, values);
  let offset = 0;
  return lengths.map((length) => ({ buffer, offset: (offset += length) - length }));
}
