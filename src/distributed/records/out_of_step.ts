// Finds the first rank that is out of step, from the dumps of all ranks.
//
// In every group, call s must be the same on all ranks. The first s of a group where it is not identifies the rank:
//   a rank's call s differs from that of most ranks  -> that rank; if its calls continue as the others' do one later
//                                                       (earlier), it has skipped call s (made an extra call)
//   a rank has not made call s, others have          -> that rank, or a rank without a dump, which has died
//   all have made call s, and it has not ended       -> the rank that has moved the smallest part of its bytes
// Of several groups, the one whose call was made first counts, as the others may be its consequences.

import type { Dump } from "./dump.ts";
import type { CallRecord } from "./call_recorder.ts";

/** Ranks that are out of step in a group, where, and why. */
export interface OutOfStep {
  /** Global ranks. */
  readonly ranks: readonly number[];
  /** Global ranks of the group, in group order. */
  readonly group: readonly number[];
  readonly sequence: number;
  /** The call or message that is out of step, such as `call 5`. */
  readonly what: string;
  /** The reason, as a sentence. */
  readonly reason: string;
  /** When the first rank made that call, in milliseconds since 1970. */
  readonly at: number;
}

/** The first difference of every group, the earliest first; empty if all ranks are in step. */
export function findOutOfStep(dumps: readonly Dump[]): OutOfStep[] {
  const groups = new Map<string, Member[]>();
  const ranksOf = new Map<string, readonly number[]>();
  for (const { rank, groups: own } of dumps) {
    for (const { id, ranks, calls } of own) {
      ranksOf.set(id, ranks);
      const bySequence = new Map(calls.map((call) => [call.sequence, call]));
      const last = calls.at(-1)?.sequence ?? -1;
      groups.set(id, [
        ...groups.get(id) ?? [],
        { rank, calls: bySequence, first: calls[0]?.sequence ?? 0, last },
      ]);
    }
  }
  return [...groups]
    .flatMap(([id, members]) => inGroup(ranksOf.get(id) ?? [], members) ?? [])
    .sort((a, b) => a.at - b.at);
}

/** One rank of a group and its calls by number. */
interface Member {
  readonly rank: number;
  readonly calls: ReadonlyMap<number, CallRecord>;
  /** Number of its oldest call that is kept. */
  readonly first: number;
  /** Number of its newest call; -1 if it has made none. */
  readonly last: number;
}

function inGroup(group: readonly number[], members: readonly Member[]): OutOfStep | undefined {
  const begin = Math.max(...members.map(({ first }) => first));
  const end = Math.max(...members.map(({ last }) => last));
  const silent = group.filter((rank) => !members.some((member) => member.rank === rank));
  for (let sequence = begin; sequence <= end; sequence++) {
    const found = differing(sequence, members) ?? missing(sequence, members) ??
      unfinished(sequence, members, silent);
    if (found === undefined) continue;
    const times = members.flatMap(({ calls }) => calls.get(sequence)?.queuedAt ?? []);
    return { ...found, group, sequence, what: `call ${sequence}`, at: Math.min(...times) };
  }
  return undefined;
}

type Found = Pick<OutOfStep, "ranks" | "reason"> | undefined;

function differing(sequence: number, members: readonly Member[]): Found {
  const made = members.filter(({ calls }) => calls.has(sequence));
  const byCall = Map.groupBy(made, ({ calls }) => describe(calls.get(sequence)));
  if (byCall.size < 2) return undefined;
  const [most, ...others] = [...byCall].sort(([, a], [, b]) => b.length - a.length);
  const isTie = others[0][1].length === most[1].length;
  const outlier = isTie ? made : others.flatMap(([, each]) => each);
  const reason = others.map(([call, each]) =>
    `${name(each)} called ${call}${
      isTie ? "" : hint(sequence, { outlier: each[0], usual: most[1][0] })
    }`
  );
  return {
    ranks: outlier.map(({ rank }) => rank),
    reason: `${reason.join("; ")}; ${name(most[1])} called ${most[0]}`,
  };
}

/** Whether the rank's calls continue as those of the others, shifted by one. */
function hint(
  sequence: number,
  { outlier, usual }: { readonly outlier: Member; readonly usual: Member },
): string {
  const goesOnAs = (a: Member, b: Member) => {
    const next = b.calls.get(sequence + 1);
    return next !== undefined && describe(a.calls.get(sequence)) === describe(next);
  };
  if (goesOnAs(outlier, usual)) return " (it seems to have skipped one call)";
  if (goesOnAs(usual, outlier)) return " (it seems to have made one extra call)";
  return "";
}

function missing(sequence: number, members: readonly Member[]): Found {
  const late = members.filter(({ last }) => last < sequence);
  if (late.length === 0) return undefined;
  const made = members.filter(({ calls }) => calls.has(sequence));
  return {
    ranks: late.map(({ rank }) => rank),
    reason: `${name(late)} never made the call; ${name(made)} called ` +
      describe(made[0].calls.get(sequence)),
  };
}

function unfinished(
  sequence: number,
  members: readonly Member[],
  silent: readonly number[],
): Found {
  const open = members.flatMap(({ rank, calls }) => {
    const call = calls.get(sequence);
    return call === undefined || call.state === "finished" ? [] : [{ rank, call }];
  });
  if (open.length === 0) return undefined;
  const what = describe(open[0].call);
  if (silent.length > 0) {
    const ranks = silent.length === 1 ? `rank ${silent[0]}` : `ranks ${silent.join(", ")}`;
    return {
      ranks: silent,
      reason: `${ranks} left no dump, so it was killed or stopped; the others were in ${what}`,
    };
  }
  const share = ({ call }: typeof open[number]) =>
    call.bytesExpected === 0 ? 1 : call.bytesDone / call.bytesExpected;
  const least = open.reduce((a, b) => share(b) < share(a) ? b : a);
  const { bytesDone, bytesExpected } = least.call;
  return {
    ranks: [least.rank],
    reason: `${what} did not end; rank ${least.rank} has moved the smallest part of it, ` +
      `${bytesDone} of ${bytesExpected} bytes`,
  };
}

function describe(call: CallRecord | undefined): string {
  if (call === undefined) return "nothing";
  const { op, dtype, algorithm, reduction, root, count, countsDigest, label } = call;
  const digest = countsDigest === 0 ? "" : `, counts ${countsDigest.toString(16)}`;
  const what = label === "" ? "" : ` for "${label}"`;
  return `${op} of ${count} ${dtype}${what} (${reduction}, ${algorithm}, root ${root}${digest})`;
}

function name(members: readonly Member[]): string {
  const ranks = members.map(({ rank }) => rank);
  return ranks.length === 1 ? `rank ${ranks[0]}` : `ranks ${ranks.join(", ")}`;
}
