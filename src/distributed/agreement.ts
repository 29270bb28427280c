// What all ranks must have alike, such as options and initial weights, compared by name before it does harm.
//
//   each rank    a list of { name, value }, and over which groups a value may differ, as each rank has a part of its own
//   exchange     per group one all-gather: every rank's digests of what must be equal along each group, and all that was heard
//                along the groups before; so in the end every rank of a mesh knows the digests of all
//   all equal    done
//   otherwise    all ranks know it: they exchange the lists themselves in the same way, and find the same differences
//
// Groups are those of a mesh: each rank has one along each axis, of the same size as the others' along it.

import type { ProcessGroup } from "./group.ts";

/**
 * Something that ranks must have alike.
 *
 * @category Distributed
 */
export interface Compared {
  /** Its name in errors, such as `lr`. */
  readonly name: string;
  /** As text: equal texts are equal values. */
  readonly value: string;
  /** Groups along which it may differ, as each rank has another part of it. */
  readonly splitOver?: readonly ProcessGroup[];
}

/** A value, and the ranks that have it. */
export interface ValueOnRanks {
  /** Undefined where they have nothing of that name. */
  readonly value: string | undefined;
  /** Global ranks, in ascending order. */
  readonly ranks: readonly number[];
}

/** Something that not all ranks have alike. */
export interface Difference {
  readonly name: string;
  /** The value that most ranks have, or of as many the lowest, first. */
  readonly values: readonly ValueOnRanks[];
}

/**
 * The differences between this rank's values and those of all others that the groups reach, the same on all of them; they call it
 * together. Costs one short all-gather per group, if there are none.
 */
export async function findDifferences(
  groups: readonly ProcessGroup[],
  own: readonly Compared[],
): Promise<readonly Difference[]> {
  const axes = inCommonOrder(groups);
  if (axes.length === 0) return [];
  const { rank, ranks } = axes[0];
  const digests = await Promise.all(axes.map((group) => digestOf(alikeOver(own, group))));
  const marks = axes.map((group, axis) => [group.ranks[0], ...digests[axis]]);
  const record = Uint32Array.from(marks.flat());
  const known = await gatherOver(axes, record, "digests");
  const records = chunksOf(known, record.length);
  const isAlike = axes.every((_, axis) => {
    const begin = axis * MARK_WORDS;
    const words = records.map((each) => [...each.subarray(begin, begin + MARK_WORDS)]);
    const byGroup = Map.groupBy(words, ([first]) => first);
    return [...byGroup.values()].every((each) => new Set(each.map(String)).size === 1);
  });
  return isAlike ? [] : differencesOf(await gatherLists(axes, ranks[rank], own));
}

/** Differences as a sentence: `lr is 0.01 on ranks 0, 1 and 2 and 0.1 on rank 3`; of many, the first. */
export function describeDifferences(differences: readonly Difference[]): string {
  const shown = differences.slice(0, MAX_SHOWN).map(({ name, values }) => {
    const each = values.map(({ value = "not there", ranks }) => `${value} on ${namesOf(ranks)}`);
    return `${name} is ${each.join(" and ")}`;
  });
  const more = differences.length - shown.length;
  return shown.join("; ") + (more > 0 ? `; and ${more} more differences` : "");
}

/** By the distance between ranks: the same order on every rank, whatever order each was given them in. */
function inCommonOrder(groups: readonly ProcessGroup[]): ProcessGroup[] {
  const stride = ({ ranks }: ProcessGroup) => ranks[1] - ranks[0];
  return [...new Set(groups)].filter(({ size }) => size > 1)
    .sort((a, b) => stride(a) - stride(b) || a.size - b.size);
}

function alikeOver(own: readonly Compared[], group: ProcessGroup): Compared[] {
  return own.filter(({ splitOver = [] }) => !splitOver.includes(group));
}

async function digestOf(compared: readonly Compared[]): Promise<Uint32Array> {
  const text = JSON.stringify(compared.map(({ name, value }) => [name, value]).sort());
  return new Uint32Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** The words of all ranks that the groups reach, some perhaps more than once. */
async function gatherOver(
  groups: readonly ProcessGroup[],
  own: Uint32Array,
  what: string,
): Promise<Uint32Array> {
  let known = own;
  for (const group of groups) {
    const counts = group.ranks.map(() => known.length);
    known = await group.allGather(known, counts, { label: `comparison of ranks, ${what}` });
  }
  return known;
}

/** This rank's list, as the others get it. */
interface RankList {
  readonly rank: number;
  /** Name, value, and the part that the rank has of what is split. */
  readonly entries: readonly (readonly [name: string, value: string, part: string])[];
}

async function gatherLists(
  groups: readonly ProcessGroup[],
  rank: number,
  own: readonly Compared[],
): Promise<RankList[]> {
  const entries = own.map(({ name, value, splitOver = [] }) =>
    [name, value, splitOver.map((group) => group.rank).join()] as const
  );
  const text = new TextEncoder().encode(JSON.stringify({ rank, entries } satisfies RankList));
  const lengths = await gatherOver(groups, Uint32Array.of(text.length), "lengths of lists");
  // All lists as long as the longest, blanks included.
  const longest = Math.ceil(Math.max(...lengths) / 4);
  const padded = new Uint8Array(4 * longest).fill(BLANK);
  padded.set(text);
  const known = await gatherOver(groups, new Uint32Array(padded.buffer), "lists");
  const lists = chunksOf(known, longest).map((words): RankList => {
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    return JSON.parse(new TextDecoder().decode(bytes));
  });
  return [...new Map(lists.map((list) => [list.rank, list])).values()]
    .sort((a, b) => a.rank - b.rank);
}

function differencesOf(lists: readonly RankList[]): Difference[] {
  const valuesOf = new Map<string, Map<string | undefined, number[]>>();
  const namesOnRank = new Map(
    lists.map(({ rank, entries }) => [rank, new Set(entries.map(([name]) => name))]),
  );
  for (const { rank, entries } of lists) {
    for (const [name, value, part] of entries) {
      const key = JSON.stringify([name, part]);
      const values = valuesOf.get(key) ?? new Map<string | undefined, number[]>();
      valuesOf.set(key, values.set(value, [...values.get(value) ?? [], rank]));
    }
  }
  const differences: Difference[] = [];
  for (const [key, values] of valuesOf) {
    const [name] = JSON.parse(key) as [string, string];
    const without = lists.map(({ rank }) => rank)
      .filter((rank) => !namesOnRank.get(rank)!.has(name));
    if (without.length > 0) values.set(undefined, without);
    if (values.size === 1) continue;
    const sorted = [...values].map(([value, ranks]): ValueOnRanks => ({ value, ranks }))
      .sort((a, b) => b.ranks.length - a.ranks.length || a.ranks[0] - b.ranks[0]);
    differences.push({ name, values: sorted });
  }
  return differences;
}

function chunksOf(words: Uint32Array, length: number): Uint32Array[] {
  return Array.from(
    { length: words.length / length },
    (_, k) => words.subarray(k * length, (k + 1) * length),
  );
}

function namesOf(ranks: readonly number[]): string {
  if (ranks.length === 1) return `rank ${ranks[0]}`;
  if (ranks.length > MAX_RANKS) {
    return `ranks ${ranks.slice(0, MAX_RANKS).join(", ")} and ${ranks.length - MAX_RANKS} more`;
  }
  return `ranks ${ranks.slice(0, -1).join(", ")} and ${ranks.at(-1)}`;
}

/** A group's first rank, and a SHA-256. */
const MARK_WORDS = 1 + 8;
const BLANK = 0x20;
const MAX_SHOWN = 4;
const MAX_RANKS = 16;
