// One of our ranks: makes the calls that the benchmark asks for, and reports the time of each.
//
//   deno run -P=train bench/collectives/rank.ts <port> <token> tcp|unix|mpi <algorithms, as JSON>
//
// Calls follow one another without a barrier in between, as in nccl-tests; no rank can run ahead of the others, except
// in a broadcast. The values of the timed calls are zeros, which stay what they are however often they are summed.

import process from "node:process";
import {
  type AlgorithmOptions,
  parseAlgorithms,
} from "../../src/distributed/calls/algorithm_table.ts";
import { launchFromEnv } from "../../src/distributed/launch.ts";
import type { ProcessGroup } from "../../src/distributed/group.ts";
import { LineChannel } from "./line_channel.ts";
import { formatTimes, parseTurn, type Times, type Turn } from "./protocol.ts";
import { BYTES_PER_ELEMENT, type Op, OPS, sharesOf } from "./sweep.ts";
import { inputOf, mistakeIn } from "./verifiable.ts";

/** Serves the benchmark until it closes the connection. */
async function serve([port, token, transport, table]: readonly string[]): Promise<void> {
  const sameHost = transport === "tcp" ? "tcp" : "unix";
  const algorithms: AlgorithmOptions = JSON.parse(table);
  const tables = parseAlgorithms(algorithms);
  await using world = await launchFromEnv({ sameHost, algorithms });
  using channel = new LineChannel(
    await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
  );
  await channel.send(`rank ${world.rank} ${token}`);
  for (let line = await channel.receive(); line !== undefined; line = await channel.receive()) {
    const turn = parseTurn(line, OPS);
    const mistake = await verify(world.group, turn);
    const times = await measure(world.group, turn);
    const late = mistake ?? await verify(world.group, turn);
    const algorithm = tables[turn.op].choose(world.worldSize, turn.count * BYTES_PER_ELEMENT);
    await channel.send(late === undefined ? formatTimes({ ...times, algorithm }) : `error ${late}`);
  }
}

/** Makes the timed calls. */
async function measure(group: ProcessGroup, turn: Turn): Promise<Omit<Times, "algorithm">> {
  const { op, count, warmup, iterations } = turn;
  const { rank, size: ranks } = group;
  const counts = sharesOf(count, ranks);
  const values = new Float32Array(op === "allGather" ? counts[rank] : count);
  const microseconds = new Array<number>(iterations).fill(0);
  for (let i = 0; i < warmup; i++) await call(op, { group, values, counts });
  await group.barrier();
  const cpuBefore = process.cpuUsage();
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    await call(op, { group, values, counts });
    microseconds[i] = (performance.now() - start) * 1e3;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { cpuSeconds: (user + system) / 1e6, microseconds };
}

/** Makes one call on inputs whose result is known; returns what is wrong with it. */
async function verify(
  group: ProcessGroup,
  { op, count, check }: Turn,
): Promise<string | undefined> {
  if (check === "off") return undefined;
  const place = { rank: group.rank, ranks: group.size };
  const counts = sharesOf(count, group.size);
  const result = await call(op, { group, values: inputOf(op, count, place), counts });
  const mistake = mistakeIn(result, { op, count, place });
  return mistake &&
    `rank ${group.rank}'s result of ${op} on ${count} elements is wrong: ${mistake}`;
}

/** Makes one call and returns what it gave. */
async function call(
  op: Op,
  { group, values, counts }: {
    readonly group: ProcessGroup;
    readonly values: Float32Array;
    readonly counts: readonly number[];
  },
): Promise<Float32Array> {
  switch (op) {
    case "allReduce":
      await group.allReduce(values);
      return values;
    case "reduceScatter":
      return await group.reduceScatter(values, counts);
    case "allGather":
      return await group.allGather(values, counts);
    case "broadcast":
      await group.broadcast(values, 0);
      return values;
  }
}

if (import.meta.main) await serve(Deno.args);
