// All parameters' sums in one device buffer, laid out so that an exchange is one all-reduce per group.
//
//   | private          | watched           | over tensor | over tensor and ZeRO | over ZeRO |
//     not exchanged      read by the host,    <------- tensor's all-reduce ---->
//                        not reduced                        <---------- ZeRO's all-reduce -->
//
// A sum over several groups is reduced over one after the other, in the order of `groups`: the result is the same on
// all their ranks, and no group that spans both axes is needed. A section reduced over no group costs nothing. Where two
// groups cut one dim, the inner cut comes first, so that what is added is a subtree of one rank's sum.
// Sections are ordered so that what one group reduces is contiguous for up to two groups; with more groups the pieces
// are copied together and back.

import type { Device, DeviceBuffer } from "../../device/device.ts";

/** The part of a process group that exchanges use. */
export interface SumGroup {
  readonly size: number;
  allReduce(values: Float32Array, options: { readonly label: string }): Promise<void>;
}

/** Contiguous sums. `offset`, in elements of the buffer, is valid once the plan is laid out. */
export interface SumSlots {
  readonly length: number;
  readonly offset: number;
}

interface PlannedSlots {
  length: number;
  offset: number;
  groups: number;
  watched: boolean;
}

/** The groups in an order in which, of those that cut one dim, the inner one comes before the outer one. */
export function innerFirst<Group>(
  groups: readonly Group[],
  views: readonly { readonly dims: readonly { readonly groups: readonly Group[] }[] }[],
): Group[] {
  const inner = new Set(views.flatMap(({ dims }) => dims.flatMap(({ groups }) => groups.slice(1))));
  return groups.toSorted((a, b) => Number(inner.has(b)) - Number(inner.has(a)));
}

/** Collects the slots of one buffer of sums, then lays them out. */
export class SumsPlan<Group extends SumGroup> {
  readonly #groups: readonly Group[];
  readonly #slots: PlannedSlots[] = [];

  /** `groups` in the order in which every rank reduces over them. */
  constructor(groups: readonly Group[]) {
    this.#groups = groups;
  }

  /** Room for `length` sums that add up over `groups`. */
  add(length: number, groups: readonly Group[]): SumSlots {
    return this.#plan(length, groups, false);
  }

  /** As `add`, and the host reads them in every exchange, even where they add up over no group. */
  addWatched(length: number, groups: readonly Group[]): SumSlots {
    return this.#plan(length, groups, true);
  }

  /** Gives every slot its offset, from `begin` on. Call it once, after the last `add`. */
  layOut(begin = 0): SumsLayout<Group> {
    // Reflected binary order: neighbours differ by one group, so each of two groups covers one contiguous run.
    const position = (slots: PlannedSlots) => {
      let rank = slots.groups;
      for (let shift = 1; shift < 31; shift <<= 1) rank ^= rank >> shift;
      return rank === 0 ? (slots.watched ? 0 : -1) : rank;
    };
    this.#slots.sort((a, b) => position(a) - position(b));
    let end = begin;
    let exchangeBegin: number | undefined;
    const runs = this.#groups.map((): ReducedElements[] => []);
    for (const slots of this.#slots) {
      slots.offset = end;
      end += slots.length;
      if (position(slots) >= 0) exchangeBegin ??= slots.offset;
      this.#groups.forEach((_, index) => {
        if (slots.groups & (1 << index)) extend(runs[index], slots.offset, slots.length);
      });
    }
    return { end, exchangeBegin: exchangeBegin ?? end, groups: this.#groups, runs };
  }

  #plan(length: number, groups: readonly Group[], watched: boolean): SumSlots {
    let mask = 0;
    for (const group of groups) {
      const index = this.#groups.indexOf(group);
      if (index < 0) {
        throw new TypeError("Cannot plan a sum over a group that the plan was not given");
      }
      mask |= 1 << index;
    }
    const slots = { length, offset: -1, groups: mask, watched };
    this.#slots.push(slots);
    return slots;
  }
}

/** The layout of a buffer of sums, and the elements that each group reduces. */
export interface SumsLayout<Group extends SumGroup> {
  /** One past the last element. */
  readonly end: number;
  /** The host exchanges elements from here to the end. */
  readonly exchangeBegin: number;
  readonly groups: readonly Group[];
  /** Per group, the elements that it reduces. */
  readonly runs: readonly (readonly ReducedElements[])[];
}

/** Contiguous elements. */
interface ReducedElements {
  offset: number;
  length: number;
}

/**
 * Brings the exchanged part of a layout's sums to the host, adds it up over the groups, and puts it back.
 *
 * `onLocal` sees and may change this rank's own sums before they are reduced, `onGlobal` may throw on the reduced ones
 * before anything is written back. Without groups nothing is read at all.
 */
export async function exchangeSums<Group extends SumGroup>(
  { device, buffer }: { device: Device; buffer: DeviceBuffer },
  layout: SumsLayout<Group>,
  { label, onLocal, onGlobal }: {
    label: string;
    onLocal?: (sums: HostSums) => void;
    onGlobal?: (sums: HostSums) => void;
  },
): Promise<void> {
  const begin = layout.exchangeBegin;
  if (layout.groups.length === 0 || begin === layout.end) return;
  const range = { byteOffset: 4 * begin, byteLength: 4 * (layout.end - begin) };
  const values = new Float32Array((await device.read(buffer, range)).buffer);
  const sums = new HostSums(values, begin);
  onLocal?.(sums);
  for (const [index, group] of layout.groups.entries()) {
    const all = (values: Float32Array) => group.allReduce(values, { label });
    await reduceRuns(all, layout.runs[index], sums);
  }
  onGlobal?.(sums);
  device.write(buffer, values, range.byteOffset);
}

/** The exchanged part of a layout's sums, addressed by the layout's offsets. */
export class HostSums {
  readonly #values: Float32Array;
  readonly #begin: number;

  constructor(values: Float32Array, begin: number) {
    this.#values = values;
    this.#begin = begin;
  }

  /** The elements of `slots`, to read or to change. */
  of({ offset, length }: SumSlots): Float32Array {
    return this.#values.subarray(offset - this.#begin, offset - this.#begin + length);
  }
}

async function reduceRuns(
  allReduce: (values: Float32Array) => Promise<void>,
  runs: readonly ReducedElements[],
  sums: HostSums,
): Promise<void> {
  if (runs.length === 0) return;
  if (runs.length === 1) return await allReduce(sums.of(runs[0]));
  const packed = new Float32Array(runs.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const run of runs) {
    packed.set(sums.of(run), at);
    at += run.length;
  }
  await allReduce(packed);
  at = 0;
  for (const run of runs) {
    sums.of(run).set(packed.subarray(at, at + run.length));
    at += run.length;
  }
}

function extend(runs: ReducedElements[], offset: number, length: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last.offset + last.length === offset) last.length += length;
  else if (length > 0) runs.push({ offset, length });
}
