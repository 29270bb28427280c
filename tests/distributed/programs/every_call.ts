// A rank that makes every call of a group, with each algorithm and many lengths, in one world after the other, and prints the
// SHA-256 of all results: `rank r of n: <digest>`. Equal digests mean equal bits. --bytes adds how many it sent in the group of
// all ranks.

import { createHash } from "node:crypto";
import { launchFromEnv } from "../../../src/distributed/launch.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import type { World } from "../../../src/distributed/world.ts";

const LENGTHS = [0, 1, 13, 8_191, 70_003];
const hash = createHash("sha256");
let place = "";
let bytes = 0;
for (const allReduce of ["one-shot", "two-shot", "ring"]) {
  const other = allReduce === "ring" ? "ring" : "direct";
  const algorithms = { allReduce, reduceScatter: other, allGather: other };
  await using world = await launchFromEnv({ algorithms });
  place = `rank ${world.rank} of ${world.worldSize}`;
  for (const length of LENGTHS) await makeCalls(world.group, length);
  await callInTwoGroups(world);
  bytes += world.group.counters.bytesSent;
}
const counted = Deno.args.includes("--bytes") ? `, ${bytes}` : "";
console.log(`${place}: ${hash.digest("hex")}${counted}`);

async function makeCalls(group: ProcessGroup, length: number): Promise<void> {
  const { rank, size } = group;
  const own = Float32Array.from(
    { length },
    (_, i) => ((i * size + rank) % 997 - 500) * 1.1 ** (i % 90),
  );
  const keep = (values: ArrayBufferView) => hash.update(new Uint8Array(values.buffer));
  for (const op of ["sum", "mean", "max"] as const) {
    const values = own.slice();
    await group.allReduce(values, { op });
    keep(values);
  }
  const doubles = Float64Array.from(own);
  await group.allReduce(doubles);
  keep(doubles);
  const halves = Uint16Array.from(
    own,
    (value) => new Uint32Array(Float32Array.of(value).buffer)[0] >> 16,
  );
  await group.allReduce(halves, { dtype: "bf16" });
  keep(halves);
  const counts = Array.from({ length: size }, (_, each) => each === 0 ? length % size : 0);
  const even = Math.floor(length / size);
  const parts = counts.map((count) => count + even);
  const part = await group.reduceScatter(own.slice(), parts);
  keep(part);
  keep(await group.allGather(part, parts));
  const shared = own.slice();
  await group.broadcast(shared, size - 1);
  keep(shared);
  const reduced = own.slice();
  await group.reduce(reduced, 0);
  keep(reduced);
  const exchanged = { sendCounts: Array(size).fill(even), receiveCounts: Array(size).fill(even) };
  keep(await group.allToAll(own.slice(0, even * size), exchanged));
  const received = new Float32Array(length);
  await Promise.all([
    group.send(own, (rank + 1) % size),
    group.receive(received, (rank + size - 1) % size),
  ]);
  keep(received);
  await group.barrier();
}

/** Two groups of the same ranks run at the same time. */
async function callInTwoGroups(world: World): Promise<void> {
  const ranks = Array.from({ length: world.worldSize }, (_, rank) => rank);
  const groups = [await world.createGroup(ranks), await world.createGroup(ranks.toReversed())];
  const results = await Promise.all(groups.map(async (group, each) => {
    const values = new Float32Array(50_000).fill(world.rank + each);
    for (let step = 0; step < 3; step++) await group.allReduce(values, { op: "mean" });
    return values;
  }));
  for (const values of results) hash.update(new Uint8Array(values.buffer));
}
