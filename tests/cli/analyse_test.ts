// The analysis of dumps that real jobs have left.

import { deepEqual, equal, match } from "node:assert/strict";
import { findOutOfStep } from "../../src/distributed/records/out_of_step.ts";
import { type Dump, parseDump } from "../../src/distributed/records/dump.ts";
import {
  MessageRecorder,
  RECORDED_MESSAGES,
} from "../../src/distributed/records/message_recorder.ts";
import { CallRecorder, RECORDED_CALLS } from "../../src/distributed/records/call_recorder.ts";
import { findUnmatchedMessages } from "../../src/distributed/records/unmatched_messages.ts";
import { runRanks } from "../support/distributed/run_ranks.ts";

const PROGRAM = new URL("../distributed/programs/wrong_call.ts", import.meta.url);
const ANALYSER = new URL("../../src/cli/analyse.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

const ASTRAY: [how: string, expected: RegExp][] = [
  [
    "left out",
    /^first out of step: rank 1, at call 5 of group \[0, 1, 2\]: rank 1 called allReduce of 106 .*; ranks 0, 2 called allReduce of 105 /,
  ],
  [
    "another",
    /^first out of step: rank 1, at call 5 .*: rank 1 called broadcast of 105 .*; ranks 0, 2 called allReduce of 105 /,
  ],
  [
    "killed",
    /^first out of step: rank 1, at call 5 .*: rank 1 left no dump, so it was killed or stopped; the others were in allReduce of 105 /,
  ],
  [
    "absent",
    /^first out of step: rank 1, at call 5 .*: rank 1 never made the call; ranks 0, 2 called allReduce of 105 /,
  ],
  [
    "message",
    /^first out of step: rank 1, at message 1 from rank 1 to rank 0 of group \[0, 1, 2\]: rank 1 never sent it: 4 f32/,
  ],
];

for (const [how, expected] of ASTRAY) {
  Deno.test(`the analysis names the rank that is out of step: ${how}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await runRanks({
        ranks: 3,
        script: PROGRAM,
        args: [how],
        env: { MESHFACTOR_DUMP: `${folder}/dumps` },
      });
      const { code, stdout, stderr } = await analyse(`${folder}/dumps`);
      equal(code, 1, stdout + stderr);
      match(stdout.split("\n").find((line) => line.startsWith("first")) ?? stdout, expected);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a job that succeeds leaves no dump, and the analysis says that there is none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const runs = await runRanks({
      ranks: 2,
      script: PROGRAM,
      args: ["in step"],
      env: { MESHFACTOR_DUMP: folder },
    });
    equal(runs[0].code, 0, runs[0].stderr.join("\n"));
    deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
    const { code, stderr } = await analyse(folder);
    equal(code, 2);
    match(stderr, /There are no dumps in .*MESHFACTOR_DUMP/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a recorder keeps the last 1,024 calls and their progress", () => {
  const recorder = new CallRecorder();
  const call = {
    op: "allReduce",
    dtype: "f32",
    algorithm: "ring",
    reduction: "sum",
    root: 0,
    countsDigest: 0,
    label: "",
  } as const;
  for (let sequence = 0; sequence < 3000; sequence++) {
    recorder.queued({ ...call, sequence, count: sequence });
    if (sequence === 2999) continue;
    recorder.began(sequence, 2 * sequence);
    recorder.moved(sequence, sequence);
    if (sequence === 2998) continue;
    recorder.ended(sequence, sequence === 2997 ? "failed" : "finished");
  }
  const records = recorder.records();
  equal(records.length, RECORDED_CALLS);
  deepEqual(
    records.map(({ sequence }) => sequence),
    records.map((_, index) => 3000 - 1024 + index),
  );
  deepEqual(records.slice(-4).map(({ state }) => state), [
    "finished",
    "failed",
    "running",
    "queued",
  ]);
  const running = records[RECORDED_CALLS - 2];
  deepEqual([running.count, running.bytesDone, running.bytesExpected], [2998, 2998, 5996]);
});

Deno.test("ranks whose calls agree are in step, even if older calls have left their records", () => {
  const same = (numCalls: number) => Array.from({ length: numCalls }, () => 7);
  deepEqual(findOutOfStep([dumpOf(0, same(2000)), dumpOf(1, same(2000))]), []);
  const [found] = findOutOfStep([dumpOf(0, same(2000)), dumpOf(1, same(1990))]);
  deepEqual([found.ranks, found.sequence], [[1], 1990]);
});

Deno.test("a missing or additional call is distinguished from a different one by the calls that follow", () => {
  const find = (...counts: number[][]) =>
    findOutOfStep(counts.map((each, rank) => dumpOf(rank, each)))[0];
  const leftOut = find([1, 2, 3, 4], [1, 2, 3, 4], [1, 3, 4]);
  deepEqual([leftOut.ranks, leftOut.sequence], [[2], 1]);
  match(leftOut.reason, /rank 2 called .* of 3 .* \(it seems to have skipped one call\)/);
  const putIn = find([1, 2, 3, 4], [1, 9, 2, 3, 4], [1, 2, 3, 4]);
  deepEqual([putIn.ranks, putIn.sequence], [[1], 1]);
  match(putIn.reason, /rank 1 called .* of 9 .* \(it seems to have made one extra call\)/);
  const tie = find([1, 2], [1, 3]);
  deepEqual(tie.ranks, [0, 1]);
});

Deno.test("a message of another count, or with only one half, names the rank that is out of step", () => {
  const message = {
    peer: 0,
    place: 0,
    dtype: "f32",
    count: 5,
    label: "",
    bytesExpected: 20,
  } as const;
  const dump = (rank: number, ...messages: Parameters<MessageRecorder["queued"]>[0][]): Dump => {
    const recorder = new MessageRecorder();
    for (const each of messages) recorder.queued(each).began();
    const group = { id: "a", ranks: [0, 1], calls: [], messages: recorder.records() };
    return { version: 3, rank, worldSize: 2, time: "", error: null, groups: [group] };
  };
  const sends = { ...message, op: "send", peer: 1 } as const;
  const receives = { ...message, op: "receive" } as const;
  const find = (...dumps: Dump[]) =>
    findUnmatchedMessages(dumps).map(({ ranks, what, reason }) => [ranks, what, reason]);
  deepEqual(find(dump(0, { ...sends, sequence: 0 }), dump(1, { ...receives, sequence: 0 })), []);
  deepEqual(
    find(dump(0, { ...sends, sequence: 7 }), dump(1, { ...receives, sequence: 7, count: 6 })),
    [[[0, 1], "message 7 from rank 0 to rank 1", "rank 0 sent 5 f32, rank 1 receives 6 f32"]],
  );
  deepEqual(
    find(dump(0, { ...sends, sequence: 1, label: "x" }), dump(1, { ...receives, sequence: 1 })),
    [[
      [0, 1],
      "message 1 from rank 0 to rank 1",
      'rank 0 sent 5 f32 for "x", rank 1 receives 5 f32',
    ]],
  );
  deepEqual(find(dump(0, { ...sends, sequence: 0 }), dump(1)), [
    [[1], "message 0 from rank 0 to rank 1", "rank 1 never received it: 5 f32"],
  ]);
  deepEqual(find(dump(0, { ...sends, sequence: 0 })), [], "rank 1 has left nothing behind");
});

Deno.test("a recorder keeps the last 1,024 messages, in the order of the calls", () => {
  const recorder = new MessageRecorder();
  for (let sequence = 0; sequence < 3000; sequence++) {
    const message = recorder.queued({
      op: "send",
      peer: 1,
      sequence,
      place: 0,
      dtype: "f32",
      count: 2,
      label: "",
      bytesExpected: 8,
    });
    message.began();
    message.moved(sequence === 2999 ? 5 : 8);
    if (sequence < 2999) message.ended("finished");
  }
  const records = recorder.records();
  equal(records.length, RECORDED_MESSAGES);
  deepEqual(records.map(({ sequence }) => sequence), records.map((_, index) => 1976 + index));
  deepEqual(records.slice(-2).map(({ state, bytesDone }) => [state, bytesDone]), [
    ["finished", 8],
    ["running", 5],
  ]);
});

Deno.test("parseDump() refuses text that is no dump", () => {
  for (
    const wrong of ["{}", "[]", "null", '{"version":3}', '{"version":3,"rank":0,"groups":[1]}']
  ) {
    let error: unknown;
    try {
      parseDump(wrong);
    } catch (caught) {
      error = caught;
    }
    equal(error instanceof TypeError, true, wrong);
  }
});

/** A rank that has made and completed a broadcast of each count. */
function dumpOf(rank: number, counts: readonly number[]): Dump {
  const recorder = new CallRecorder();
  for (const [sequence, count] of counts.entries()) {
    recorder.queued({
      op: "broadcast",
      dtype: "f32",
      algorithm: "chain",
      reduction: "sum",
      root: 0,
      count,
      countsDigest: 0,
      label: "",
      sequence,
    });
    recorder.ended(sequence, "finished");
  }
  const groups = [{ id: "a", ranks: [0, 1, 2], calls: recorder.records(), messages: [] }];
  return { version: 3, rank, worldSize: 3, time: "", error: null, groups };
}

async function analyse(
  folder: string,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "--config", CONFIG, ANALYSER, folder],
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
