// Collectives on device memory: elements are read back, exchanged by the process group, and written again. Only what must be sent is
// read, and nothing at all where the group has one rank. All ranks get the same bits from the group, so replicas stay equal.
// 16-bit elements are sent as they are, summed in f32 and rounded once.
//
// A tensor is a range of its own memory: `await allReduce(dx, { group, label: "dx" })`.

import { storageTypes } from "../device/storage_types.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import type { DeviceRange } from "./device_range.ts";
import { bytesPerElement, type DType, type FloatType } from "./dtype.ts";

/** A tensor, or some elements of one: by default f32, from the first on. */
export type TensorOrRange =
  & Pick<DeviceRange<DType>, "buffer" | "length">
  & Partial<DeviceRange<DType>>;

/** The ranks that exchange, and what they exchange, such as the name of a parameter: ranks that exchange other things fail. */
export interface ExchangeOptions {
  readonly group: ProcessGroup;
  readonly label: string;
}

/** Replaces the elements by their sums over all ranks. */
export async function allReduce(
  range: TensorOrRange,
  { group, label }: ExchangeOptions,
): Promise<void> {
  if (group.size === 1) return;
  const values = await readRange(range);
  await group.allReduce(values, { ...dtypeOf(range), label });
  writeRange(range, values);
}

/** Replaces the elements by those of rank `root`. */
export async function broadcast(
  range: TensorOrRange,
  { group, label, root }: ExchangeOptions & { readonly root: number },
): Promise<void> {
  if (group.size === 1) return;
  const values = await readRange(range);
  await group.broadcast(values, root, { ...dtypeOf(range), label });
  if (group.rank !== root) writeRange(range, values);
}

/** A range that consists of one part for each rank: `counts[r]` elements of rank r, in order of rank. */
export interface PartsOptions extends ExchangeOptions {
  readonly counts: readonly number[];
}

/** Fills in the parts of the other ranks, and sends this rank's part to them. */
export async function allGather(
  range: TensorOrRange,
  { group, label, counts }: PartsOptions,
): Promise<void> {
  if (group.size === 1) return;
  const shard = await readRange(ownPart(range, { group, counts }));
  writeRange(range, await group.allGather(shard, counts, { ...dtypeOf(range), label }));
}

/** Replaces this rank's part by its sums over all ranks; the other parts keep their values. */
export async function reduceScatter(
  range: TensorOrRange,
  { group, label, counts }: PartsOptions,
): Promise<void> {
  if (group.size === 1) return;
  const own = ownPart(range, { group, counts });
  const options = { ...dtypeOf(range), label };
  writeRange(own, await group.reduceScatter(await readRange(range), counts, options));
}

/** How many elements go to each rank, and come from each. */
export interface AllToAllRanges extends ExchangeOptions {
  readonly sendCounts: readonly number[];
  readonly receiveCounts: readonly number[];
}

/** Sends part r of `range` to rank r, and writes the parts received into `into`, in the order of ranks. */
export async function allToAll(
  range: TensorOrRange,
  into: TensorOrRange,
  { group, label, sendCounts, receiveCounts }: AllToAllRanges,
): Promise<void> {
  const options = { ...dtypeOf(range), label, sendCounts, receiveCounts };
  writeRange(into, await group.allToAll(await readRange(range), options));
}

/** @throws {RangeError} if the parts do not fill the range. */
function ownPart(
  range: TensorOrRange,
  { group, counts }: Pick<PartsOptions, "group" | "counts">,
): TensorOrRange {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (counts.length !== group.size || total !== range.length) {
    throw new RangeError(
      `Wanted ${group.size} counts that add up to ${range.length}, got [${counts.join(", ")}]`,
    );
  }
  const before = counts.slice(0, group.rank).reduce((sum, count) => sum + count, 0);
  const { buffer, offset = 0, dtype = "f32" } = range;
  return { buffer, dtype, offset: offset + before, length: counts[group.rank] };
}

/** Elements as the process group takes them. */
type WireValues = Float32Array | Uint32Array | Uint16Array;

function dtypeOf({ dtype = "f32" }: TensorOrRange): { readonly dtype: DType } {
  return { dtype };
}

async function readRange(range: TensorOrRange): Promise<WireValues> {
  const { buffer, length, offset = 0, dtype = "f32" } = range;
  const perWord = 4 / bytesPerElement(dtype);
  const firstWord = Math.floor(offset / perWord);
  const endWord = Math.max(Math.ceil((offset + length) / perWord), firstWord);
  const bytes = await buffer.device.read(buffer, {
    byteOffset: 4 * firstWord,
    byteLength: 4 * (endWord - firstWord),
  });
  if (dtype === "f32") return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  if (dtype === "u32") return new Uint32Array(bytes.buffer, bytes.byteOffset, length);
  const skipped = offset - perWord * firstWord;
  return new Uint16Array(bytes.buffer, bytes.byteOffset, skipped + length).subarray(skipped);
}

function writeRange(range: TensorOrRange, values: WireValues): void {
  const { buffer, offset = 0 } = range;
  if (!(values instanceof Uint16Array)) {
    buffer.device.write(buffer, values, 4 * offset);
  } else if (offset % 2 === 0 && values.length % 2 === 0) {
    buffer.device.write(buffer, wordsOf(values), 2 * offset);
  } else {
    writeHalfWords(range, values);
  }
}

/** Copies halves of words on the device, as the other halves may have changed since they were read. */
function writeHalfWords({ buffer, offset = 0, dtype }: TensorOrRange, values: Uint16Array): void {
  const { device } = buffer;
  const words = wordsOf(values);
  using uploaded = device.allocate(words.byteLength);
  device.write(uploaded, words);
  const type = storageTypes[dtype as FloatType];
  device.run("cast", { x: uploaded, out: buffer }, {
    fromType: type,
    toType: type,
    fromOffset: 0,
    toOffset: offset,
    length: values.length,
  });
}

/** The bytes of 16-bit values, padded to whole words. */
function wordsOf(values: Uint16Array): Uint8Array {
  const { buffer, byteOffset, byteLength, length } = values;
  if (length % 2 === 0) return new Uint8Array(buffer, byteOffset, byteLength);
  const padded = new Uint16Array(length + 1);
  padded.set(values);
  return new Uint8Array(padded.buffer);
}
