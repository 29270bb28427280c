// Who holds everybody up? In a ring one silent rank stops all, and each sees only that its left neighbour is silent.
//
// So the suspect is asked what it waits for, then the one it names, and so on, until one
//   - does not answer                        -> it is stopped, cut off, or dead without a sign: the culprit
//   - has not made the call, waits nowhere   -> it computes or has gone another way: the culprit
//   - is asked a second time                 -> ranks wait for each other in a circle; it stands for all of them
//   - has moved bytes a short while ago      -> nobody is to blame yet
// Every rank that asks ends at the same culprit.

import type { Alarm, Clock } from "./clock.ts";
import type { FailureSite } from "./failure.ts";
import type { Here } from "./message.ts";

/** A call in a group, as ranks name it to each other. */
export interface Call {
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
  site: FailureSite | undefined;
  /** Global rank that must act next in it: whose bytes are awaited or, when all have come, who must take ours. */
  waitingFor: number | undefined;
  /** When bytes moved last in that call, on the world's clock. */
  movedAt: number;
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
  let seenAt = progress.movedAt;
  let quietTicks = 0;
  let isAsking = false;
  return clock.every(Math.max(timeoutMs / TICKS_PER_TIMEOUT, 1), async () => {
    quietTicks = progress.movedAt === seenAt ? quietTicks + 1 : 0;
    seenAt = progress.movedAt;
    const { waitingFor } = progress;
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
export interface Verdict {
  readonly rank: number;
  readonly reason: string;
}

/** What `progress` says to one who asks about `call`. */
export function answer(
  call: Call,
  progress: Iterable<GroupProgress>,
  { now, recentMs }: { readonly now: number; readonly recentMs: number },
): Omit<Here, "kind" | "question"> {
  const all = [...progress];
  const asked = all.find(({ group }) => group === call.group);
  const running = asked?.waitingFor === undefined
    ? all.find(({ waitingFor }) => waitingFor !== undefined)
    : asked;
  const nowhere = { waitingFor: -1, group: call.group, sequence: call.sequence };
  if (asked !== undefined && asked.finished > call.sequence) {
    return { state: "passed", ...nowhere };
  }
  if (running?.waitingFor === undefined) return { state: "absent", ...nowhere };
  return {
    state: now - running.movedAt < recentMs ? "moving" : "waiting",
    waitingFor: running.waitingFor,
    group: running.group,
    sequence: running.finished,
  };
}

/** Follows the waiting from `suspect` in `call`; `ask` resolves to undefined if a rank does not answer. */
export async function findCulprit(
  suspect: number,
  call: Call,
  { self, ask }: {
    readonly self: number;
    readonly ask: (
      rank: number,
      call: Call,
    ) => Promise<Omit<Here, "kind" | "question"> | undefined>;
  },
): Promise<Verdict | undefined> {
  const visited = new Set([self]);
  let rank = suspect;
  let asked = call;
  while (true) {
    if (visited.has(rank)) return { rank: suspect, reason: circle([...visited]) };
    visited.add(rank);
    const here = await ask(rank, asked);
    if (here === undefined) return { rank, reason: "it does not answer" };
    if (here.state === "moving") return undefined;
    if (here.state === "absent") return { rank, reason: "it has not made that call" };
    if (here.state === "passed") {
      return { rank, reason: "it has finished that call, but its bytes do not arrive" };
    }
    rank = here.waitingFor;
    asked = here;
  }
}

function circle(ranks: readonly number[]): string {
  return `ranks ${
    ranks.join(", ")
  } wait for each other: groups must be used in the same order on all ranks`;
}
