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

import type { DeviceBuffer } from "../device/device.ts";
import type { ProcessGroup } from "../dist/group.ts";
import { type Range, shardRange } from "../dist/layout.ts";
import { allGather, allReduce, reduceScatter } from "../tensor/exchange.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { GradientBlock } from "./adafactor_passes.ts";

/** Which of how many. */
type Owner = Pick<ProcessGroup, "rank" | "size">;

/** The run of dim 0 that `owner` has, and the elements that it covers. */
export function ownedRows(
  { shape }: Pick<Parameter, "shape">,
  { rank, size }: Owner,
): { rows: Range; elements: Range } {
  const [length = 1, ...rest] = shape;
  const stride = rest.reduce((product, each) => product * each, 1);
  const rows = shardRange(length, size, rank);
  return { rows, elements: { begin: rows.begin * stride, end: rows.end * stride } };
}

/** Averages gradients over the group and returns this rank's rows of each; buffers live on `scope`. */
export async function reduceScatterGradients(
  parameters: readonly Parameter[],
  group: ProcessGroup,
  scope: DisposableStack,
): Promise<GradientBlock[]> {
  const packing = packByOwner(parameters, group.size);
  using packed = packGradients(parameters, packing);
  const { counts, length } = packing;
  await reduceScatter({ buffer: packed, length }, { group, counts });
  return average(packing.runs[group.rank], packed, { numRanks: group.size, scope });
}

/** Averages whole gradients over the group; buffers live on `scope`. */
export async function averageGradients(
  parameters: readonly Parameter[],
  group: ProcessGroup,
  scope: DisposableStack,
): Promise<GradientBlock[]> {
  const packing = packByOwner(parameters, 1);
  using packed = packGradients(parameters, packing);
  await allReduce({ buffer: packed, length: packing.length }, group);
  return average(packing.runs[0], packed, { numRanks: group.size, scope });
}

/** Gives every rank of the group all rows of every parameter, each from its owner. */
export async function allGatherParameters(
  parameters: readonly Parameter[],
  group: ProcessGroup,
): Promise<void> {
  const { device } = parameters[0];
  const { runs, counts, length } = packByOwner(parameters, group.size);
  using packed = device.allocate(4 * length);
  for (const { parameter, begin, length, at } of runs[group.rank]) {
    device.copy(parameter.buffer, 4 * begin, packed, 4 * at, 4 * length);
  }
  await allGather({ buffer: packed, length }, { group, counts });
  for (const { parameter, begin, length, at } of runs.toSpliced(group.rank, 1).flat()) {
    device.copy(packed, 4 * at, parameter.buffer, 4 * begin, 4 * length);
  }
}

/** Elements of one parameter that lie together in the packed buffer. */
interface Run {
  readonly parameter: Parameter;
  /** First element in the parameter. */
  readonly begin: number;
  readonly length: number;
  /** First element in the packed buffer. */
  readonly at: number;
}

interface Packing {
  /** Per owner, a run per parameter. */
  readonly runs: readonly (readonly Run[])[];
  /** Elements per owner. */
  readonly counts: readonly number[];
  /** Elements in all. */
  readonly length: number;
}

function packByOwner(parameters: readonly Parameter[], size: number): Packing {
  let length = 0;
  const runs = Array.from({ length: size }, (_, rank) =>
    parameters.map((parameter): Run => {
      const { begin, end } = ownedRows(parameter, { rank, size }).elements;
      const at = length;
      length += end - begin;
      return { parameter, begin, length: end - begin, at };
    }));
  const counts = runs.map((own) => own.reduce((total, run) => total + run.length, 0));
  return { runs, counts, length };
}

function packGradients(parameters: readonly Parameter[], { runs, length }: Packing): DeviceBuffer {
  const { device } = parameters[0];
  const packed = device.allocate(4 * length);
  for (const { parameter, begin, length, at } of runs.flat()) {
    device.copy(parameter.grad!.buffer, 4 * begin, packed, 4 * at, 4 * length);
  }
  return packed;
}

/** The sums in `runs`, divided by the number of ranks, as gradient blocks. */
function average(
  runs: readonly Run[],
  packed: DeviceBuffer,
  { numRanks, scope }: { numRanks: number; scope: DisposableStack },
): GradientBlock[] {
  const { device } = packed;
  const first = runs[0].at;
  const length = runs.reduce((total, run) => total + run.length, 0);
  using sums = device.allocate(4 * length);
  device.copy(packed, 4 * first, sums, 0, 4 * length);
  const buffer = scope.use(device.allocate(4 * length));
  device.run("scale", { x: sums, out: buffer }, { length, factor: 1 / numRanks });
  return runs.map(({ at }) => ({ buffer, offset: at - first }));
}
