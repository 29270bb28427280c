// The attempts of a job of several hosts: when they begin, with which hosts, and how the job ends.

import { deepEqual, equal, match, throws } from "node:assert/strict";
import { HostCoordinator } from "../../../src/distributed/launcher/host_coordinator.ts";
import {
  type FromHost,
  parseFromHost,
  parseToHost,
} from "../../../src/distributed/launcher/host_message.ts";
import { VirtualClock } from "../../support/distributed/virtual_clock.ts";

const DONE = { result: "done", rank: -1, code: 0, signal: null, stderr: [] } as const;
const KILLED = { result: "failed", rank: 1, code: 137, signal: "SIGKILL", stderr: [] } as const;
const LOST_PEER = {
  result: "failed",
  rank: 0,
  code: 1,
  signal: null,
  stderr: ["error: Uncaught PeerLostError: Rank 1 is lost"],
} as const;

Deno.test("an attempt begins with the most hosts at once, or with the least after the last call, and never without the first", () => {
  const { job, sent, clock } = coordinator({ min: 2, max: 3 });
  job.joined(7);
  job.joined(5);
  clock.step();
  deepEqual(sent(), [], "the first host is missing");
  job.joined(0);
  deepEqual(sent(), ["0 begin 0: 0 of 3", "7 begin 0: 1 of 3", "5 begin 0: 2 of 3"]);

  const fewer = coordinator({ min: 2, max: 3 });
  fewer.job.joined(0);
  fewer.job.joined(7);
  deepEqual(fewer.sent(), []);
  fewer.clock.step();
  equal(fewer.clock.now(), 30_000);
  deepEqual(fewer.sent(), ["0 begin 0: 0 of 2", "7 begin 0: 1 of 2"]);
});

Deno.test("a lost host ends the attempt on the others, and the next begins with those that are there", () => {
  const { job, sent, numSent, clock, said } = coordinator({ min: 1, max: 2 });
  job.joined(0);
  job.joined(7);
  sent();
  job.left(7);
  deepEqual(sent(), ["0 stop"]);
  job.ended(0, { attempt: 0, ...LOST_PEER });
  deepEqual(sent(), []);
  while (numSent() === 0 && clock.step());
  equal(clock.now(), 31_000, "a second of back-off, and the last call");
  deepEqual(sent(), ["0 begin 1: 0 of 1"]);
  job.joined(9);
  deepEqual(sent(), [], "it waits for the next attempt");
  job.ended(0, { attempt: 1, ...KILLED });
  clock.step();
  deepEqual(sent(), ["0 begin 2: 0 of 2", "9 begin 2: 1 of 2"]);
  job.ended(9, { attempt: 1, ...DONE });
  job.ended(0, { attempt: 2, ...DONE });
  deepEqual(sent(), [], "an end of an earlier attempt does not count");
  job.ended(9, { attempt: 2, ...DONE });
  deepEqual(sent(), ["0 end 0", "9 end 0"]);
  match(said.join("\n"), /host 1 of this attempt is lost/);
});

Deno.test("the cause is the rank that did not only lose a peer, and its code ends a job that is not to begin again", () => {
  const { job, sent } = coordinator({ min: 2, max: 2, maxRestarts: 0 });
  job.joined(0);
  job.joined(7);
  sent();
  job.ended(0, { attempt: 0, ...LOST_PEER });
  deepEqual(sent(), ["7 stop"]);
  job.ended(7, { attempt: 0, ...KILLED });
  deepEqual(sent(), ["0 end 137", "7 end 137"]);
});

Deno.test("a job that one host was asked to stop ends on all with 130, although others have lost its ranks", () => {
  for (const isStopFirst of [true, false]) {
    const { job, sent } = coordinator({ min: 2, max: 2 });
    job.joined(0);
    job.joined(7);
    sent();
    const ends: [number, FromHost][] = [
      [0, { attempt: 0, ...DONE, result: "stopped", code: 130 }],
      [7, { attempt: 0, ...LOST_PEER, rank: 2 }],
    ];
    for (const [host, end] of isStopFirst ? ends : ends.toReversed()) job.ended(host, end);
    deepEqual(sent().filter((text) => text.includes("end")), ["0 end 130", "7 end 130"]);
  }
});

Deno.test("notes of launchers are parsed or refused", () => {
  for (const each of [DONE, KILLED, LOST_PEER]) {
    const message = { attempt: 3, ...each };
    deepEqual(parseFromHost(JSON.stringify(message)), message);
  }
  deepEqual(parseToHost('{"kind":"begin","attempt":1,"node":0,"nodes":2}'), {
    kind: "begin",
    attempt: 1,
    node: 0,
    nodes: 2,
  });
  for (const wrong of ["", "3", '{"kind":"begin","attempt":1}', '{"kind":"run"}', "[]"]) {
    throws(() => parseToHost(wrong));
    throws(() => parseFromHost(wrong));
  }
});

function coordinator(options: { min: number; max: number; maxRestarts?: number }) {
  const clock = new VirtualClock();
  const messages: string[] = [];
  const said: string[] = [];
  const job = new HostCoordinator({
    maxRestarts: 5,
    ...options,
    lastCallMs: 30_000,
    clock,
    say: (text) => said.push(text),
    send: (host, message) =>
      messages.push(
        message.kind === "begin"
          ? `${host} begin ${message.attempt}: ${message.node} of ${message.nodes}`
          : message.kind === "end"
          ? `${host} end ${message.code}`
          : `${host} stop`,
      ),
  });
  const sent = () => messages.splice(0);
  return { job, sent, numSent: () => messages.length, clock, said };
}
