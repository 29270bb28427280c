// The collectives of a group, over real sockets: right sums, same bits, counted bytes, order, and wrong arguments.

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { HEADER_BYTES } from "../../src/dist/frame.ts";
import { shardRange } from "../../src/dist/layout.ts";
import { inProcessRanks } from "./in_process_ranks.ts";

const SIZES = [1, 2, 3, 4, 5];

Deno.test("allReduce() leaves the sum over all ranks on every rank, for any count", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      for (const count of [0, 1, size - 1, size, size + 1, 13, 997, 8_191, 300_001]) {
        const values = term(group.rank, count);
        await group.allReduce(values);
        deepEqual(values, total(size, count));
      }
    });
  }
});

Deno.test("allReduce() sums a view into a larger buffer and leaves the rest alone", async () => {
  await inProcessRanks(3, async ({ group }) => {
    const buffer = new Float32Array(20).fill(7);
    await group.allReduce(buffer.subarray(5, 15));
    deepEqual(buffer, Float32Array.from({ length: 20 }, (_, i) => i < 5 || i >= 15 ? 7 : 21));
  });
});

Deno.test("allReduce() gives every rank the same bits when big terms cancel", async () => {
  for (const size of [2, 3, 5]) {
    const sums = await inProcessRanks(size, async ({ group }) => {
      const values = Float32Array.from({ length: size * size * 3 }, (_, i) => {
        const [big, minusBig] = [i % size, Math.floor(i / size) % size];
        return group.rank === big ? 1e30 : group.rank === minusBig ? -1e30 : 1e-7 * (i + 1);
      });
      await group.allReduce(values);
      return new Uint32Array(values.buffer);
    });
    for (const bits of sums) deepEqual(bits, sums[0]);
  }
});

Deno.test("allReduce() sends 2 (p-1)/p of the values and one header, and counts them", async () => {
  for (const size of SIZES) {
    for (const count of [0, 1, 13, 100_003]) {
      const counted = await inProcessRanks(size, async ({ group }) => {
        await group.allReduce(new Float32Array(count));
        return group.counters;
      });
      const headers = size > 1 ? HEADER_BYTES : 0;
      for (const { collectives, bytesSent, bytesReceived } of counted) {
        equal(collectives, size > 1 ? 1 : 0);
        const least = 2 * (size - 1) / size * count * 4;
        ok(Math.abs(bytesSent - headers - least) < 8 * size, `${bytesSent} sent, ${least} due`);
        ok(Math.abs(bytesReceived - headers - least) < 8 * size);
      }
      equal(
        counted.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
        size * headers + 2 * (size - 1) * count * 4,
      );
    }
  }
});

Deno.test("reduceScatter() returns each rank the sum of its part, uneven and empty parts too", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      for (const counts of uneven(size)) {
        const count = counts.reduce((sum, each) => sum + each, 0);
        const values = term(group.rank, count);
        const part = await group.reduceScatter(values, counts);
        const begin = counts.slice(0, group.rank).reduce((sum, each) => sum + each, 0);
        deepEqual(part, total(size, count).slice(begin, begin + counts[group.rank]));
        deepEqual(values, term(group.rank, count), "the argument is not changed");
      }
    });
  }
});

Deno.test("allGather() returns all shards in rank order, uneven and empty shards too", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      for (const counts of uneven(size)) {
        const shards = counts.map((count, rank) => term(rank, count));
        const whole = await group.allGather(shards[group.rank], counts);
        deepEqual([...whole], shards.flatMap((shard) => [...shard]));
      }
    });
  }
});

Deno.test("broadcast() replaces every rank's values by the root's", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      for (let root = 0; root < size; root++) {
        for (const count of [0, 1, 50_000]) {
          const values = term(group.rank, count);
          await group.broadcast(values, root);
          deepEqual(values, term(root, count));
        }
      }
    });
  }
});

Deno.test("barrier() lets nobody pass before the last rank has come", async () => {
  for (const size of [2, 3, 4]) {
    for (let last = 0; last < size; last++) {
      let hasCome = false;
      await inProcessRanks(size, async ({ group }) => {
        if (group.rank === last) {
          await new Promise((resolve) => setTimeout(resolve, 30));
          hasCome = true;
        }
        await group.barrier();
        ok(hasCome, `rank ${group.rank} passed before rank ${last} came`);
      });
    }
  }
});

Deno.test("calls in flight on one group run in call order", async () => {
  await inProcessRanks(3, async ({ group }) => {
    const finished: number[] = [];
    const values = Array.from(
      { length: 6 },
      (_, call) => term(group.rank + call, 5_000 - 900 * call),
    );
    await Promise.all(values.map(async (each, call) => {
      if (call % 2 === 0) await group.allReduce(each);
      else await group.broadcast(each, call % 3);
      finished.push(call);
    }));
    deepEqual(finished, [0, 1, 2, 3, 4, 5]);
    equal(values[5][7], term(2 + 5, 8)[7], "the last was broadcast from rank 2");
    equal(values[4][7], [0, 1, 2].reduce((sum, rank) => sum + term(rank + 4, 8)[7], 0));
  });
});

Deno.test("a stalled group does not hold up another group of the same ranks", async () => {
  await inProcessRanks(2, async (world) => {
    const other = await world.createGroup([1, 0]);
    const gate = world.rank === 0 ? undefined : world.group.barrier();
    const values = Float32Array.of(world.rank + 1);
    await other.allReduce(values);
    equal(values[0], 3);
    equal(other.rank, 1 - world.rank, "the order of the ranks is kept");
    await (gate ?? world.group.barrier());
  });
});

Deno.test("a group of some ranks needs only these", async () => {
  await inProcessRanks(4, async (world) => {
    if (world.rank === 1) return;
    const group = await world.createGroup([3, 0, 2]);
    const values = Float32Array.of(10 ** group.rank);
    await group.allReduce(values);
    equal(values[0], 111);
    deepEqual(group.ranks, [3, 0, 2]);
    equal(group.ranks[group.rank], world.rank);
  });
});

Deno.test("wrong arguments reject before anything is sent, and the group goes on", async () => {
  await inProcessRanks(2, async (world) => {
    const { group } = world;
    const values = new Float32Array(4);
    await rejects(
      group.reduceScatter(values, [1, 2]),
      /Expected 3 reduceScatter\(\) values.*got 4/,
    );
    await rejects(group.reduceScatter(values, [4]), /one count for each of the 2 ranks, got 1/);
    await rejects(group.allGather(values, [3, 3]), /Expected 3 allGather\(\) elements.*got 4/);
    await rejects(group.allGather(values, [4, -1]), /integers from 0 to/);
    await rejects(group.broadcast(values, 2), /a root from 0 to 1.*got 2/);
    // @ts-expect-error: what JavaScript callers can do.
    await rejects(group.allReduce([1, 2]), TypeError);
    await rejects(world.createGroup([0, 1, 1]), /Rank 1 is given twice/);
    await rejects(world.createGroup([0, 1, 2]), /Rank 2 is out of range: ranks are 0 to 1/);
    await rejects(world.createGroup([1 - world.rank]), /as it is not in it/);
    values.fill(1);
    await group.allReduce(values);
    equal(values[0], 2);
    equal(group.counters.collectives, 1);
  });
});

Deno.test("closing again does nothing, and calls after it reject", async () => {
  await inProcessRanks(2, async (world) => {
    await world.group.barrier();
    const group = await world.createGroup([0, 1]);
    await group.barrier();
    await group.close();
    await group.close();
    await rejects(group.barrier(), /destroyed/);
    await world.group.barrier();
    await world.close();
    await world.close();
    await rejects(world.group.barrier(), new RegExp(`world of rank ${world.rank} is closed`));
    await rejects(world.createGroup([0, 1]), /is closed/);
  });
});

function term(rank: number, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => (rank + 1) * (index % 1000 + 1));
}

function total(size: number, count: number): Float32Array {
  const ranks = size * (size + 1) / 2;
  return Float32Array.from({ length: count }, (_, index) => ranks * (index % 1000 + 1));
}

function uneven(size: number): number[][] {
  const ranks = Array.from({ length: size }, (_, rank) => rank);
  return [
    ranks.map(() => 0),
    ranks.map((rank) => rank),
    ranks.map((rank) => rank === size - 1 ? 17 : 0),
    ranks.map((rank) => {
      const { begin, end } = shardRange(100_003, size, rank);
      return end - begin;
    }),
  ];
}
