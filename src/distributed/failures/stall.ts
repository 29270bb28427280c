// Who holds everybody up? In a ring one silent rank stops all, and each sees only that its left neighbour is silent.
//
// So the suspect is asked what it waits for, then the one it names, and so on, until one
//   - does not progressReply                        -> it is stopped, cut off, or dead without a sign: the culprit
//   - has not made the call, waits nowhere   -> it computes or has gone another way: the culprit
//   - is asked a second time                 -> ranks wait for each other in a circle; the lowest stands for all of them
//   - has moved bytes a short while ago      -> nobody is to blame yet
// Every rank that asks ends at the same culprit.

import type { Alarm, Clock } from "../wire/clock.ts";
import type { FailureSite } from "./failure.ts";
import type { ProgressReply } from "../wire/control_message.ts";

/** A call in a group, as ranks name it to each other. */
export interface CallId {
  /** The group's id in hex. */
  readonly group: string;
  readonly sequence: number;
}

/** What a rank can say of its own calls in one group. */
export interface GroupProgress {
  /** The group's id in hex. */
  readonly group: string;
  /** Number of calls finished. */
  finished: number;
  /** The call that runs, if one does: call `finished`. */
  running: RunningCall | undefined;
  /** Goes up whenever a call begins or bytes move. Moves are counted, as reading a clock at each costs more than it. */
  moves: number;
  /** The count when it was last looked at, */
  movesSeen: number;
  /** and when it was first seen to have gone up to that, on the world's clock. */
  movedAt: number;
}

/** A call under way. */
export interface RunningCall {
  /** ProgressQuery it is now. */
  readonly site: FailureSite;
  /** Global rank that must act next in it: whose bytes are awaited or, when all have come, who must take ours. */
  readonly waitingFor: number | undefined;
}

/** The progress of a group that has made no call. */
export function noProgress(group: string): GroupProgress {
  return { group, finished: 0, running: undefined, moves: 0, movesSeen: 0, movedAt: 0 };
}

/** Notes the time if something has moved since it was last looked at. */
function noteMoves(progress: GroupProgress, now: number): void {
  if (progress.moves === progress.movesSeen) return;
  progress.movesSeen = progress.moves;
  progress.movedAt = now;
}

/**
 * Calls `stalled` whenever no byte has moved in the running call for `timeoutMs`; it is not called again before it has
 * resolved. Counts ticks of the clock, not time: a thread that was busy with other work has not let bytes move. Stop the
 * alarm that is returned.
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

/** A rank and what is wrong with it. */
export interface Culprit {
  readonly rank: number;
  readonly reason: string;
}

/** What `progress` says to one who asks about `call`. */
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

/** Follows the waiting from `suspect` in `call`; `ask` resolves to undefined if a rank does not progressReply. */
export async function findCulprit(
  suspect: number,
  call: CallId,
  { self, ask }: {
    readonly self: number;
    readonly ask: (
      rank: number,
      call: CallId,
    ) => Promise<Omit<ProgressReply, "kind" | "question"> | undefined>;
  },
): Promise<Culprit | undefined> {
  /** Who waits, and in which call, in the order of asking. */
  const visited = new Map<number, CallId>([[self, call]]);
  let rank = suspect;
  let asked = call;
  while (true) {
    if (visited.has(rank)) {
      const begin = [...visited.keys()].indexOf(rank);
      return circle([...visited].slice(begin));
    }
    const here = await ask(rank, asked);
    if (here === undefined) return { rank, reason: "it does not answer" };
    if (here.state === "moving") return undefined;
    if (here.state === "absent") return { rank, reason: "it has not made that call" };
    if (here.state === "passed") {
      return { rank, reason: "it has finished that call, but its bytes do not arrive" };
    }
    visited.set(rank, here);
    rank = here.waitingFor;
    asked = here;
  }
}

function circle(waiting: readonly (readonly [rank: number, call: CallId])[]): Culprit {
  const ranks = waiting.map(([rank]) => rank).sort((a, b) => a - b);
  const [[, first]] = waiting;
  const why = waiting.every(([, { group }]) => group === first.group)
    ? "bytes between two of them do not arrive, or none of them has sent any"
    : "groups must be used in the same order on all ranks";
  return { rank: ranks[0], reason: `ranks ${ranks.join(", ")} wait for each other: ${why}` };
}
