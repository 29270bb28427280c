// Saving parameters that are split over ranks: rank 0 writes, the others send, and all of them succeed or throw.

import type { ProcessGroup } from "../distributed/group.ts";
import type { Module } from "../nn/module.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { STORED_AS } from "./safetensors_header.ts";
import { inWritingOrder, type TensorToWrite } from "./safetensors_write.ts";
import { wholeBytes } from "./whole_bytes.ts";

/** What is saved, and by which rank. */
export interface Saving {
  /** All tensors of the file; every rank has the same. */
  readonly tensors: readonly TensorToWrite[];
  /** This rank of the job; rank 0 writes. Default: that of the group that parameters are split over, or 0. */
  readonly rank: number | undefined;
  /** Called by rank 0 before anything is sent; may throw. */
  readonly check: () => Promise<void>;
  /** Called by rank 0, which must ask for the bytes of every tensor in this order. */
  readonly write: (tensors: readonly TensorToWrite[]) => Promise<void>;
}

/** Saves, one tensor at a time; all ranks call it. @throws {Error} on all of them if rank 0 cannot save */
export async function saveTogether(module: Module<never>, saving: Saving): Promise<void> {
  const groups = groupsOf(module);
  const own = groups.map(({ ranks, rank }) => ranks[rank])[0];
  const { rank = own ?? 0, check, write } = saving;
  const tensors = inWritingOrder(saving.tensors);
  await together(groups, async () => {
    if (own !== undefined && rank !== own) {
      throw new TypeError(
        `Cannot save as rank ${rank} a model that is split and whose part here is rank ${own}'s: leave \`rank\` out`,
      );
    }
    if (rank === 0) await check();
  });
  await together(groups, async () => {
    const unsent = new Set(tensors);
    const sending = tensors.map((tensor): TensorToWrite => ({
      ...tensor,
      bytes: () => {
        unsent.delete(tensor);
        return tensor.bytes();
      },
    }));
    try {
      if (rank === 0) await write(sending);
    } finally {
      // The other ranks send all tensors, whatever happened here.
      if (groups.length > 0) { for (const { bytes } of unsent) await bytes(); }
    }
  });
}

/** A parameter as one tensor of a file, whole. */
export function wholeTensor(name: string, parameter: Parameter): TensorToWrite {
  const { dtype, layout } = parameter;
  return {
    name,
    dtype: STORED_AS[dtype],
    shape: layout.wholeShape,
    bytes: () => wholeBytes(parameter),
  };
}

/** Reads a parameter that is `count` tensors of a file, each of which is asked for once; it is kept from the first to the last. */
export function sharedBytes(
  parameter: Parameter,
  count: number,
): (index: number) => Promise<Uint8Array> {
  let whole: Promise<Uint8Array> | undefined;
  let left = count;
  return async (index) => {
    whole ??= wholeBytes(parameter);
    const bytes = await whole;
    left--;
    if (left === 0) whole = undefined;
    const length = bytes.length / count;
    return bytes.subarray(index * length, (index + 1) * length);
  };
}

/** The groups that parameters and buffers are split over. */
function groupsOf(module: Module<never>): ProcessGroup[] {
  const all = [...module.parameters(), ...module.namedBuffers().values()];
  const splits = all.flatMap(({ layout }) => layout.splits);
  return [...new Set(splits.map(({ group }) => group))];
}

/** Runs `work`, and throws if it threw on any rank of the groups. */
async function together(
  groups: readonly ProcessGroup[],
  work: () => Promise<void>,
): Promise<void> {
  const failure = await work().then(() => undefined, (error: unknown) => ({ error }));
  let failed = failure === undefined ? 0 : 1;
  for (const group of groups) {
    const count = Float64Array.of(failed);
    await group.allReduce(count, { label: "ranks that cannot save" });
    failed = count[0];
  }
  if (failure !== undefined) throw failure.error;
  if (failed > 0) throw new Error("Cannot save, as another rank cannot: see its error");
}
