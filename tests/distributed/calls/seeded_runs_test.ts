// Runs that a seed draws as a whole: ranks, calls in flight, algorithms, delivery, and a fault or none. Each ends in virtual
// time with right results on every rank, or with the same error on every surviving one, that names who is to blame. No call
// that has resolved, before a fault or after it, has a wrong result.
//
// MESHFACTOR_RUNS=10000 runs so many seeds; without it a sample runs. MESHFACTOR_SEED is the first.

import { equal, ok } from "node:assert/strict";
import { algorithmsOf, type TabledOp } from "../../../src/distributed/calls/algorithm_table.ts";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import { INTEGRITIES } from "../../../src/distributed/wire/session.ts";
import { randomBelow } from "../../support/distributed/random_below.ts";
import { drawCalls, isWrong, makeCalls } from "../../support/distributed/random_calls.ts";
import {
  type Fault,
  simulateGroup,
  type SimulationOptions,
  type SimulationResult,
} from "../../support/distributed/simulated_group.ts";

const NUM_RUNS = Number(Deno.env.get("MESHFACTOR_RUNS") || 150);
const FIRST_SEED = Number(Deno.env.get("MESHFACTOR_SEED") || 1);
const OPS: readonly TabledOp[] = ["allReduce", "reduceScatter", "allGather", "broadcast"];
const TRANSPORTS = ["tcp", "unix", "mpi", "mpi between hosts"] as const;
const KINDS = ["none", "close", "kill", "stop", "cut", "silence", "dribble", "damage"] as const;
const STALL_LIMIT_MS = 90_000;
const NEWS_LIMIT_MS = 5_000;

Deno.test(`${NUM_RUNS} drawn runs end with right results, or with one error that names the culprit`, async () => {
  const counts = new Map<string, number>();
  const began = performance.now();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + NUM_RUNS; seed++) {
    const kind = await run(seed).catch((error) => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    });
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const kinds = [...counts].map(([kind, count]) => `${kind} ${count}`).join(", ");
  console.log(`${NUM_RUNS} runs in ${((performance.now() - began) / 1000).toFixed(1)} s: ${kinds}`);
  if (NUM_RUNS >= 100) equal(counts.size, KINDS.length, "every kind was drawn");
});

/** Runs one seed and checks how it ended; returns the kind of its fault. */
async function run(seed: number): Promise<typeof KINDS[number]> {
  const random = randomBelow(seed);
  const size = 2 + random(4);
  const transport = TRANSPORTS[random(TRANSPORTS.length)];
  const options: SimulationOptions = {
    size,
    seed,
    transport,
    integrity: INTEGRITIES[random(INTEGRITIES.length)],
    algorithms: Object.fromEntries(OPS.map((op) => {
      const names = algorithmsOf(op);
      return [op, names[random(names.length)]];
    })),
    longest: 1 + random(80),
    capacity: 1 + random(400),
  };
  const calls = drawCalls(size, random);
  const whole = await simulateGroup(options, (group) => makeCalls(group, calls));
  requireRight(whole);
  const drawn = KINDS[random(KINDS.length)];
  // What stays in one machine is memory, which nobody damages.
  const isNear = transport === "unix" || transport === "mpi";
  const kind = drawn === "damage" && isNear ? "close" : drawn;
  const from = random(size);
  const to = (from + 1 + random(size - 1)) % size;
  const bytes = whole.bytes[from][to];
  if (kind === "none" || bytes === 0) return "none";
  const fault: Fault = {
    kind,
    from,
    to,
    after: random(bytes),
    intervalMs: 1 + random(200),
    mask: 1 << random(8),
  };
  const result = await simulateGroup({ ...options, faults: [fault] }, async (group) => {
    await makeCalls(group, calls);
    // No rank passes two barriers if one of its peers is dead.
    await group.barrier();
    await group.barrier();
  });
  for (const outcome of result.outcomes) {
    if (outcome.status === "rejected" && isWrong(outcome.reason)) throw outcome.reason;
  }
  if (kind === "dribble") requireRight(result);
  else {
    try {
      requireBlame(result, fault);
    } catch (error) {
      const said = result.outcomes.map((each) => "reason" in each ? `${each.reason}` : each.status);
      throw new Error(`${JSON.stringify(fault)}: ${error}\n  ${said.join("\n  ")}`);
    }
  }
  return kind;
}

function requireRight({ outcomes }: SimulationResult<void>): void {
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** All surviving ranks have one error, in time, that names the culprit. */
function requireBlame(result: SimulationResult<void>, { kind, from, to }: Fault): void {
  const { outcomes, struckAt = NaN } = result;
  const others = [...outcomes.keys()].filter((rank) => rank !== from);
  const errorOf = (rank: number) => {
    const outcome = outcomes[rank];
    ok(outcome.status === "rejected", `rank ${rank} has ${outcome.status}`);
    ok(outcome.reason instanceof PeerLostError, `rank ${rank}: ${outcome.reason}`);
    const isNews = kind === "close" || kind === "kill" || kind === "damage";
    const elapsed = outcome.at - struckAt;
    const limit = isNews ? NEWS_LIMIT_MS : STALL_LIMIT_MS;
    ok(elapsed <= limit, `rank ${rank} learned it after ${elapsed} ms`);
    return outcome.reason;
  };
  const error = errorOf(others[0]);
  for (const rank of others) equal(errorOf(rank).message, error.message);
  if (kind === "kill" || kind === "stop") return equal(error.rank, from);
  const own = errorOf(from);
  if (kind === "cut") {
    equal(error.rank, from);
    // Of two ranks, neither can know whose cable was pulled.
    return equal(own.rank, outcomes.length === 2 ? to : from);
  }
  equal(own.message, error.message);
  if (kind === "damage") return equal(error.rank, from);
  ok(
    [from, to].includes(error.rank) ||
      (kind === "silence" && error.message.includes("wait for each other")),
  );
}
