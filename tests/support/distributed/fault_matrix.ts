// The calls of the fault matrix, and how each kind of fault in them must end: with the same error on every surviving rank, which
// names the culprit, in time.
//
//   close    that connection ends            -> one of its two ends
//   kill     the process ends                -> its rank
//   stop     the process does not run        -> its rank, after the stall timeout
//   cut      its cable is pulled             -> its rank, after the stall timeout; also on that rank
//   silence  the connection delivers nothing -> one of its two ends, after the stall timeout
//   damage   a byte is changed               -> the sender; with keyed sums, the connection with it

import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { AlgorithmOptions } from "../../../src/distributed/calls/algorithm_table.ts";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { assertSameBits } from "../assert_same_bits.ts";
import {
  type Fault,
  simulateGroup,
  type SimulationOptions,
  type SimulationResult,
} from "./simulated_group.ts";

const STALL_TIMEOUT_MS = 60_000;
/** Longer than the stall timeout: stalls are checked eight times in that time, then ranks are queried. */
const STALL_LIMIT_MS = 1.5 * STALL_TIMEOUT_MS;
/** Faults that are not silent are reported at once. */
const NEWS_LIMIT_MS = 5_000;

/** A call that is made with faults in it. */
export interface Call {
  readonly name: string;
  readonly op: string;
  readonly algorithms: AlgorithmOptions;
  /** Makes the call and checks its result. */
  readonly run: (group: ProcessGroup) => Promise<void>;
}

/** Every call with every algorithm. */
export const CALLS: readonly Call[] = [
  ...["one-shot", "two-shot", "ring"].map((algorithm) => ({
    name: `allReduce ${algorithm}`,
    op: "allReduce",
    algorithms: { allReduce: algorithm },
    run: allReduce,
  })),
  ...["direct", "ring"].map((algorithm) => ({
    name: `reduceScatter ${algorithm}`,
    op: "reduceScatter",
    algorithms: { reduceScatter: algorithm },
    run: reduceScatter,
  })),
  ...["direct", "ring"].map((algorithm) => ({
    name: `allGather ${algorithm}`,
    op: "allGather",
    algorithms: { allGather: algorithm },
    run: allGather,
  })),
  ...["direct", "chain"].map((algorithm) => ({
    name: `broadcast ${algorithm}`,
    op: "broadcast",
    algorithms: { broadcast: algorithm },
    run: broadcast,
  })),
  { name: "reduce", op: "reduce", algorithms: {}, run: reduce },
  { name: "allToAll", op: "allToAll", algorithms: {}, run: allToAll },
  { name: "barrier", op: "barrier", algorithms: {}, run: (group) => group.barrier() },
];

/** Faults that end a call. */
export const FAULT_KINDS = ["close", "kill", "stop", "cut", "silence", "damage"] as const;

/** How each kind of fault must end. */
export const FAULTS: { readonly [kind in FaultKind]: FaultCheck } = {
  close: {
    name: "a connection closed after any byte is an error that names one of its ends",
    check(result, { from, to }) {
      const error = requireOneError(result, ranks(result), NEWS_LIMIT_MS);
      ok([from, to].includes(error.rank), error.message);
    },
  },
  kill: {
    name: "a rank killed after any byte is named by all others",
    check(result, { from }) {
      const error = requireOneError(result, others(result, from), NEWS_LIMIT_MS);
      equal(error.rank, from, error.message);
      match(error.message, /is lost: its process ended without a goodbye/);
    },
  },
  stop: {
    name: "a rank stopped after any byte is named by all others after the stall timeout",
    check(result, { from }) {
      const error = requireOneError(result, others(result, from), STALL_LIMIT_MS);
      equal(error.rank, from, error.message);
      requireStall(error, /: it does not answer$/);
    },
  },
  cut: {
    name: "a rank whose cable is pulled after any byte is named by all others and by itself",
    check(result, { from }) {
      const error = requireOneError(result, others(result, from), STALL_LIMIT_MS);
      const own = requireOneError(result, [from], STALL_LIMIT_MS);
      requireStall(error, /: it does not answer$/);
      // Of two ranks, neither can know whose cable was pulled.
      if (result.outcomes.length === 2) return ok(own.rank !== from && error.rank === from);
      deepEqual([error.rank, own.rank], [from, from]);
      requireStall(own, /: it receives nothing from any other rank, so it is cut off$/);
    },
  },
  silence: {
    name: "a connection that falls silent after any byte is an error that names one of its ends",
    check(result, { from, to }, call) {
      const error = requireOneError(result, ranks(result), STALL_LIMIT_MS);
      // Around a ring all wait for each other, and the lowest is named.
      ok([from, to].includes(error.rank) || call.name.endsWith("ring"), error.message);
      requireStall(error, /wait for each other: bytes between two|its bytes do not arrive/);
    },
  },
  damage: {
    name: "a frame damaged at any byte is an error that names its sender",
    check(result, { from }) {
      const error = requireOneError(result, ranks(result), NEWS_LIMIT_MS);
      equal(error.rank, from, error.message);
      match(error.message, /sent invalid bytes|received what rank \d did not send.*keyed sum of a/);
    },
  },
};

/** A kind of fault. */
export type FaultKind = typeof FAULT_KINDS[number];

/** A kind of fault: in words, and the check of a run with it. */
export interface FaultCheck {
  readonly name: string;
  readonly check: (result: SimulationResult<void>, fault: Fault, call: Call) => void;
}

/** Runs `call` and two barriers with a fault. @throws {Error} that says which, unless the run ends as it must. */
export async function runWithFault(
  call: Call,
  fault: Fault & { readonly kind: FaultKind },
  options: SimulationOptions,
): Promise<void> {
  const result = await simulateGroup({ ...options, faults: [fault] }, async (group) => {
    await call.run(group);
    // No rank passes two barriers if one of its peers is dead.
    await group.barrier();
    await group.barrier();
  });
  try {
    FAULTS[fault.kind].check(result, fault, call);
  } catch (error) {
    const { size, seed, transport } = options;
    throw new Error(`${JSON.stringify({ size, seed, transport, fault })}: ${error}`, {
      cause: error,
    });
  }
}

/** The error of these ranks, which must be the same on all, in time after the fault. */
function requireOneError(
  { outcomes, struckAt }: SimulationResult<void>,
  who: readonly number[],
  limitMs: number,
): PeerLostError {
  const errors = who.map((rank) => {
    const outcome = outcomes[rank];
    ok(outcome.status === "rejected", `rank ${rank} has ${outcome.status}`);
    const { reason } = outcome;
    ok(reason instanceof PeerLostError, `rank ${rank}: ${reason}`);
    const elapsed = outcome.at - (struckAt ?? NaN);
    ok(elapsed <= limitMs, `rank ${rank} learned it after ${elapsed} ms`);
    return reason;
  });
  for (const { message } of errors) equal(message, errors[0].message);
  return errors[0];
}

/** A stall: after the stall timeout, with the call, its number and its progress. */
function requireStall(error: PeerLostError, why: RegExp): void {
  match(
    error.message,
    /has stalled its peers for 60 s in (\w+) \d+ of group \[[\d, ]+\] after \d+ of \d+ bytes/,
  );
  match(error.message, why);
  const { op, sequence, bytesDone, bytesExpected } = error;
  ok(op !== undefined && sequence !== undefined);
  ok(bytesDone !== undefined && bytesExpected !== undefined && bytesDone <= bytesExpected);
}

function ranks({ outcomes }: SimulationResult<void>): number[] {
  return [...outcomes.keys()];
}

function others(result: SimulationResult<void>, rank: number): number[] {
  return ranks(result).filter((each) => each !== rank);
}

async function allReduce(group: ProcessGroup): Promise<void> {
  const values = Float32Array.of(group.rank, 1, group.rank * 2);
  await group.allReduce(values);
  const sum = group.size * (group.size - 1) / 2;
  assertSameBits(values, Float32Array.of(sum, group.size, 2 * sum));
}

async function reduceScatter(group: ProcessGroup): Promise<void> {
  const values = Float32Array.from({ length: group.size }, (_, i) => i + group.rank);
  const part = await group.reduceScatter(values, Array(group.size).fill(1));
  assertSameBits(
    part,
    Float32Array.of(group.size * group.rank + group.size * (group.size - 1) / 2),
  );
}

async function allGather(group: ProcessGroup): Promise<void> {
  const whole = await group.allGather(Float32Array.of(group.rank + 1), Array(group.size).fill(1));
  assertSameBits(whole, Float32Array.from({ length: group.size }, (_, i) => i + 1));
}

async function broadcast(group: ProcessGroup): Promise<void> {
  const values = Int32Array.of(group.rank, 7 + group.rank);
  await group.broadcast(values, 1);
  assertSameBits(values, Int32Array.of(1, 8));
}

async function reduce(group: ProcessGroup): Promise<void> {
  const values = Int32Array.of(group.rank, 1);
  await group.reduce(values, 1);
  const sum = group.size * (group.size - 1) / 2;
  assertSameBits(
    values,
    group.rank === 1 ? Int32Array.of(sum, group.size) : Int32Array.of(group.rank, 1),
  );
}

async function allToAll(group: ProcessGroup): Promise<void> {
  const counts = Array(group.size).fill(1);
  const values = Int32Array.from({ length: group.size }, (_, to) => 10 * group.rank + to);
  const received = await group.allToAll(values, { sendCounts: counts, receiveCounts: counts });
  assertSameBits(
    received,
    Int32Array.from({ length: group.size }, (_, from) => 10 * from + group.rank),
  );
}
