// ZeRO by rows: rank z of the shard group owns a run of dim 0 of every local parameter (optim/zero/packing.ts), and keeps state
// and updates for that run only.
//
//   gradients   one reduce-scatter over the shard group, then one all-reduce of the owned rows over each replica group
//   parameters  one all-gather over the shard group
//
// Cutting at row boundaries, not at bytes, keeps the factored statistics exact (optim/factoring/factored_view.ts).
//
// Replica groups hold the same rows and see other parts of the batch: replicate x shard is "hybrid sharding". Without
// ZeRO all data-parallel groups are replica groups: one all-reduce of the packed gradients over each.
//
// This is stage 1, all at once in `step()`. Stage 2 does the same in buckets while backward runs
// (optim/zero/gradient_buckets.ts).

import type { DeviceBuffer } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import { bytesPerElement, type FloatType } from "../../tensor/dtype.ts";
import { allGather, allReduce, reduceScatter } from "../../tensor/exchange.ts";
import { copyRange, type DeviceRange } from "../../tensor/device_range.ts";
import { spanOf } from "../../tensor/parameter_names.ts";
import { packByOwner, type PackedRows, type Packing, type Placed } from "./packing.ts";

/** Ranks that see different parts of the batch. */
export interface DataParallelism {
  /** Ranks that own different rows; undefined where every rank owns all. */
  readonly shardGroup: ProcessGroup | undefined;
  /** Ranks that own the same rows, one group per axis, in the order of their all-reduces. */
  readonly replicaGroups: readonly ProcessGroup[];
}

/** The number of ranks that gradients are averaged over. */
export function numReplicas({ shardGroup, replicaGroups }: DataParallelism): number {
  return replicaGroups.reduce((product, { size }) => product * size, shardGroup?.size ?? 1);
}

/** Averages gradients over all data-parallel ranks and returns this rank's rows of each; buffers live on `scope`. */
export async function averageGradients(
  placed: readonly Placed[],
  { scope, label: step, ...dataParallelism }: DataParallelism & {
    readonly scope: DisposableStack;
    /** Which step it is. */
    readonly label: string;
  },
): Promise<DeviceRange[]> {
  const { shardGroup, replicaGroups } = dataParallelism;
  const { rank, size } = shardGroup ?? { rank: 0, size: 1 };
  const packing = packByOwner(placed, { size });
  const { counts, begins, rows } = packing;
  using packed = packGradients(placed, packing);
  const range = { buffer: packed, length: packing.length };
  const label = `${step}: gradients of ${spanOf(placed.map(({ parameter }) => parameter))}`;
  if (shardGroup !== undefined) await reduceScatter(range, { group: shardGroup, label, counts });
  const own = { buffer: packed, offset: begins[rank], length: counts[rank] };
  for (const group of replicaGroups) await allReduce(own, { group, label });

  const { device } = packed;
  using sums = device.allocate(4 * own.length);
  device.copy(packed, 4 * own.offset, sums, 0, 4 * own.length);
  const buffer = scope.use(device.allocate(4 * own.length));
  const factor = 1 / numReplicas(dataParallelism);
  device.run("scale", { x: sums, out: buffer }, { length: own.length, factor });
  return rows[rank].map(({ at, length }) => ({
    buffer,
    offset: at - own.offset,
    length,
    dtype: "f32",
  }));
}

/** Gives every rank of the group all rows of every parameter, each from its owner: one all-gather per element type. */
export async function allGatherParameters(
  placed: readonly Placed[],
  group: ProcessGroup,
): Promise<void> {
  const byType = Map.groupBy(placed, ({ parameter }) => parameter.dtype);
  for (const [dtype, alike] of byType) await allGatherAlike(alike, { group, dtype });
}

async function allGatherAlike(
  placed: readonly Placed[],
  { group, dtype }: { readonly group: ProcessGroup; readonly dtype: FloatType },
): Promise<void> {
  const [{ parameter: { device } }] = placed;
  const { rows, counts, length } = packByOwner(placed, { size: group.size });
  using packed = device.allocate(4 * Math.ceil(length * bytesPerElement(dtype) / 4));
  const place = ({ parameter: { buffer }, begin, length, at }: PackedRows) => ({
    inParameter: { buffer, dtype, offset: begin, length },
    inPacked: { buffer: packed, dtype, offset: at, length },
  });
  for (const own of rows[group.rank]) {
    const { inParameter, inPacked } = place(own);
    copyRange(inParameter, inPacked);
  }
  const label = `values of ${spanOf(placed.map(({ parameter }) => parameter))}`;
  await allGather({ buffer: packed, length, dtype }, { group, label, counts });
  for (const other of rows.toSpliced(group.rank, 1).flat()) {
    const { inParameter, inPacked } = place(other);
    copyRange(inPacked, inParameter);
  }
}

/** Whole gradients as f32, whatever they are stored as: a mean over ranks is not rounded on the way. */
function packGradients(placed: readonly Placed[], { rows, length }: Packing): DeviceBuffer {
  const [{ parameter: { device } }] = placed;
  const packed = device.allocate(4 * length);
  for (const { parameter, begin, length, at } of rows.flat()) {
    const { buffer, dtype } = parameter.grad!;
    const from = { buffer, dtype, offset: begin, length };
    copyRange(from, { buffer: packed, dtype: "f32", offset: at, length });
  }
  return packed;
}
