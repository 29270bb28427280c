// Stall detection: the reply of a rank about its progress, and the search for the culprit.

import { deepEqual, equal } from "node:assert/strict";
import {
  findCulprit,
  type GroupProgress,
  progressReply,
  type RankReply,
} from "../../../src/distributed/failures/stall.ts";

const CALL = { group: "a", sequence: 5 };

Deno.test("a rank replies which rank it waits for, in that group or in the one where it is stuck", () => {
  const clock = { now: 1000, recentMs: 100 };
  const say = (...progress: GroupProgress[]) => progressReply(CALL, progress, clock);
  const nowhere = { waitingFor: -1, ...CALL };
  const waits = (group: string, finished: number, movedAt: number) => ({
    group,
    finished,
    running: { site: {}, waitingFor: 7 },
    moves: 3,
    movesSeen: 3,
    movedAt,
  });
  const idle = (group: string, finished: number) => ({
    group,
    finished,
    running: undefined,
    moves: 3,
    movesSeen: 3,
    movedAt: 0,
  });
  deepEqual(say(), { state: "absent", ...nowhere });
  deepEqual(say(idle("a", 5)), { state: "absent", ...nowhere });
  deepEqual(say(idle("a", 6)), { state: "passed", ...nowhere });
  deepEqual(say(waits("a", 5, 500)), { state: "waiting", waitingFor: 7, ...CALL });
  deepEqual(say(waits("a", 5, 950)), { state: "moving", waitingFor: 7, ...CALL });
  const hasMovedSince = { ...waits("a", 5, 500), moves: 4 };
  deepEqual(say(hasMovedSince), { state: "moving", waitingFor: 7, ...CALL });
  deepEqual([hasMovedSince.movesSeen, hasMovedSince.movedAt], [4, 1000]);
  deepEqual(say(waits("a", 3, 500)), {
    state: "waiting",
    waitingFor: 7,
    group: "a",
    sequence: 3,
  });
  deepEqual(say(idle("a", 5), waits("b", 9, 500)), {
    state: "waiting",
    waitingFor: 7,
    group: "b",
    sequence: 9,
  });
});

Deno.test("the search ends at the rank that is silent, slow, or reached twice", async () => {
  const waiting = (waitingFor: number) => ({ state: "waiting" as const, waitingFor, ...CALL });
  const find = (answers: Record<number, RankReply>) =>
    findCulprit(1, CALL, { self: 0, ask: (rank) => Promise.resolve(answers[rank]) });
  deepEqual(await find({}), { kind: "lost", rank: 1, reason: "it does not answer" });
  deepEqual(await find({ 1: waiting(3), 3: waiting(2) }), {
    kind: "lost",
    rank: 2,
    reason: "it does not answer",
  });
  const absent = { state: "absent" as const, waitingFor: -1, ...CALL };
  deepEqual(await find({ 1: waiting(3), 3: absent }), { kind: "slow", rank: 3 });
  equal(await find({ 1: waiting(3), 3: "busy" }), undefined, "it computes, and may reply later");
  equal((await find({ 1: { ...absent, state: "passed" } }))?.rank, 1);
  equal(await find({ 1: waiting(2), 2: { ...waiting(0), state: "moving" } }), undefined);
  deepEqual(await find({ 1: waiting(2), 2: waiting(0) }), {
    kind: "lost",
    rank: 0,
    reason: "ranks 0, 1, 2 wait for each other: bytes between two of them do not arrive, " +
      "or none of them has sent any",
  });
  deepEqual(await find({ 1: waiting(3), 3: waiting(2), 2: waiting(3) }), {
    kind: "lost",
    rank: 2,
    reason: "ranks 2, 3 wait for each other: bytes between two of them do not arrive, " +
      "or none of them has sent any",
  });
  deepEqual(await find({ 1: { ...waiting(0), group: "b" } }), {
    kind: "lost",
    rank: 0,
    reason: "ranks 0, 1 wait for each other: groups must be used in the same order on all ranks",
  });
});
