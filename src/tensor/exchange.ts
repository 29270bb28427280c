// Where device memory meets the wire: elements are read back, exchanged by the process group, and written again. Only
// what must cross is read, and nothing at all where the group has one rank. Ranks get the same bits from the group, so
// what is equal before stays equal.
//
// A tensor is a range of its own memory: `await allReduce(dx, group)`.

import type { DeviceBuffer } from "../device/device.ts";
import type { ProcessGroup } from "../dist/group.ts";
import { BYTES_PER_ELEMENT, viewBytes } from "./dtype.ts";

/** `length` elements of f32 in device memory, from element `offset` (default 0). */
export interface DeviceRange {
  readonly buffer: DeviceBuffer;
  readonly length: number;
  readonly offset?: number;
}

/** Replaces the elements by their sums over all ranks. */
export async function allReduce(range: DeviceRange, group: ProcessGroup): Promise<void> {
  if (group.size === 1) return;
  const values = await readRange(range);
  await group.allReduce(values);
  writeRange(range, values);
}

/** Replaces the elements by rank `root`'s. */
export async function broadcast(
  range: DeviceRange,
  { group, root }: { readonly group: ProcessGroup; readonly root: number },
): Promise<void> {
  if (group.size === 1) return;
  const values = await readRange(range);
  await group.broadcast(values, root);
  if (group.rank !== root) writeRange(range, values);
}

/** A range of which `counts[r]` elements, in order of rank, are rank r's part. */
export interface PartsOptions {
  readonly group: ProcessGroup;
  readonly counts: readonly number[];
}

/** Fills in the parts of the other ranks; this rank's part is sent to them. */
export async function allGather(
  range: DeviceRange,
  { group, counts }: PartsOptions,
): Promise<void> {
  if (group.size === 1) return;
  const shard = await readRange(ownPart(range, { group, counts }));
  writeRange(range, await group.allGather(shard, counts));
}

/** Replaces this rank's part by its sums over all ranks; the other parts stay. */
export async function reduceScatter(
  range: DeviceRange,
  { group, counts }: PartsOptions,
): Promise<void> {
  if (group.size === 1) return;
  const own = ownPart(range, { group, counts });
  writeRange(own, await group.reduceScatter(await readRange(range), counts));
}

/** @throws {RangeError} if the parts do not fill the range. */
function ownPart(range: DeviceRange, { group, counts }: PartsOptions): DeviceRange {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (counts.length !== group.size || total !== range.length) {
    throw new RangeError(
      `Wanted ${group.size} counts that add up to ${range.length}, got [${counts.join(", ")}]`,
    );
  }
  const before = counts.slice(0, group.rank).reduce((sum, count) => sum + count, 0);
  const { buffer, offset = 0 } = range;
  return { buffer, offset: offset + before, length: counts[group.rank] };
}

async function readRange({ buffer, length, offset = 0 }: DeviceRange): Promise<Float32Array> {
  const bytes = await buffer.device.read(buffer, {
    byteOffset: offset * BYTES_PER_ELEMENT,
    byteLength: length * BYTES_PER_ELEMENT,
  });
  return viewBytes(bytes, "f32");
}

function writeRange({ buffer, offset = 0 }: DeviceRange, values: Float32Array): void {
  buffer.device.write(buffer, values, offset * BYTES_PER_ELEMENT);
}
