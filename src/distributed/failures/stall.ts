// Stall detection: finds the rank that stalls a job. In a ring one silent rank stops all, and each rank sees only that its
// left neighbour is silent.
//
// So a rank asks its silent peer which rank it waits for, then that rank, and so on, until one
//   - does not reply, and sends no heartbeat   -> it is stopped, cut off or dead: the culprit
//   - has not made the call and waits nowhere  -> it computes: it is slow, and waited for
//   - is reached a second time                 -> ranks wait for each other in a cycle; the lowest is named
//   - has moved bytes recently                 -> no rank has stalled yet
// Every rank that asks finds the same culprit. A rank that does not reply but sends heartbeats is asked again later.

import type { Alarm, Clock } from "../wire/clock.ts";
import type { FailureSite } from "./failure.ts";
import type { ProgressReply } from "../wire/control_message.ts";

/** Identifies a call among all ranks. */
export interface CallId {
  /** The group's id in hex. */
  readonly group: string;
  readonly sequence: number;
}

/** A rank's progress in the calls of one group. */
export interface GroupProgress {
  /** The group's id in hex. */
  readonly group: string;
  /** Number of calls finished. */
  finished: number;
  /** The running call, if any; its number is `finished`. */
  running: RunningCall | undefined;
  /** Incremented whenever a call begins or bytes move; a count, as reading a clock each time would cost more than the move. */
  moves: number;
  /** `moves` when it was last checked, */
  movesSeen: number;
  /** and the time of the check that first saw this value, on the world's clock. */
  movedAt: number;
}

/** A running call. */
export interface RunningCall {
  /** ProgressQuery it is now. */
  readonly site: FailureSite;
  /** Global rank that must act next: whose bytes are awaited or, if all have been received, that must accept ours. */
  readonly waitingFor: number | undefined;
}

/** The progress of a group that has made no call. */
export function noProgress(group: string): GroupProgress {
  return { group, finished: 0, running: undefined, moves: 0, movesSeen: 0, movedAt: 0 };
}

/** Notes the time if anything has moved since the last check. */
function noteMoves(progress: GroupProgress, now: number): void {
  if (progress.moves === progress.movesSeen) return;
  progress.movesSeen = progress.moves;
  progress.movedAt = now;
}

/**
 * Calls `stalled` whenever no byte has moved in the running call for `timeoutMs`, but not again before it has resolved.
 * Counts ticks of the clock, not time, as bytes cannot move while this thread is busy with other work. Returns the timer,
 * which the caller must stop.
 */
export function watchForStall(
  progress: GroupProgress,
  { clock, timeoutMs, stalled }: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly stalled: (waitingFor: number) => Promise<void>;
  },
): Alarm {
  let seen = progress.moves;
  let quietTicks = 0;
  let isAsking = false;
  return clock.every(Math.max(timeoutMs / TICKS_PER_TIMEOUT, 1), async () => {
    quietTicks = progress.moves === seen ? quietTicks + 1 : 0;
    seen = progress.moves;
    noteMoves(progress, clock.now());
    const waitingFor = progress.running?.waitingFor;
    if (isAsking || waitingFor === undefined || quietTicks < TICKS_PER_TIMEOUT) return;
    isAsking = true;
    try {
      await stalled(waitingFor);
    } finally {
      isAsking = false;
    }
  });
}

const TICKS_PER_TIMEOUT = 8;

/** The rank that a job waits for: lost, and why, or only slow. */
export type Culprit =
  | { readonly kind: "lost"; readonly rank: number; readonly reason: string }
  | { readonly kind: "slow"; readonly rank: number };

/** A rank's reply; `busy` if it has not replied yet but lives, and `undefined` if it does not. */
export type RankReply = Omit<ProgressReply, "kind" | "question"> | "busy" | undefined;

/** The reply of a rank with `progress` to a query about `call`. */
export function progressReply(
  call: CallId,
  progress: Iterable<GroupProgress>,
  { now, recentMs }: { readonly now: number; readonly recentMs: number },
): Omit<ProgressReply, "kind" | "question"> {
  const all = [...progress];
  for (const each of all) noteMoves(each, now);
  const isWaiting = ({ running }: GroupProgress) => running?.waitingFor !== undefined;
  const asked = all.find(({ group }) => group === call.group);
  const stuck = asked !== undefined && isWaiting(asked) ? asked : all.find(isWaiting);
  const waitingFor = stuck?.running?.waitingFor;
  const nowhere = { waitingFor: -1, group: call.group, sequence: call.sequence };
  if (asked !== undefined && asked.finished > call.sequence) {
    return { state: "passed", ...nowhere };
  }
  if (stuck === undefined || waitingFor === undefined) return { state: "absent", ...nowhere };
  return {
    state: now - stuck.movedAt < recentMs ? "moving" : "waiting",
    waitingFor,
    group: stuck.group,
    sequence: stuck.finished,
  };
}

/** Follows the chain of waiting ranks from `suspect` in `call`; undefined if none has stalled yet. */
export async function findCulprit(
  suspect: number,
  call: CallId,
  { self, ask }: {
    readonly self: number;
    readonly ask: (rank: number, call: CallId) => Promise<RankReply>;
  },
): Promise<Culprit | undefined> {
  /** Waiting ranks and their calls, in the order of asking. */
  const visited = new Map<number, CallId>([[self, call]]);
  let rank = suspect;
  let asked = call;
  while (true) {
    if (visited.has(rank)) {
      const begin = [...visited.keys()].indexOf(rank);
      return cycle([...visited].slice(begin));
    }
    const reply = await ask(rank, asked);
    if (reply === undefined) return { kind: "lost", rank, reason: "it does not answer" };
    if (reply === "busy" || reply.state === "moving") return undefined;
    if (reply.state === "absent") return { kind: "slow", rank };
    if (reply.state === "passed") {
      const reason = "it has finished that call, but its bytes do not arrive";
      return { kind: "lost", rank, reason };
    }
    visited.set(rank, reply);
    rank = reply.waitingFor;
    asked = reply;
  }
}

function cycle(waiting: readonly (readonly [rank: number, call: CallId])[]): Culprit {
  const ranks = waiting.map(([rank]) => rank).sort((a, b) => a - b);
  const [[, first]] = waiting;
  const why = waiting.every(([, { group }]) => group === first.group)
    ? "bytes between two of them do not arrive, or none of them has sent any"
    : "groups must be used in the same order on all ranks";
  return {
    kind: "lost",
    rank: ranks[0],
    reason: `ranks ${ranks.join(", ")} wait for each other: ${why}`,
  };
}
