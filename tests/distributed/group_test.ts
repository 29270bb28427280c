// The calls of a group, over real sockets: sums, equal bits, counted bytes, order, and invalid arguments.

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { HEADER_BYTES } from "../../src/distributed/wire/frame.ts";
import { shardRange } from "../../src/distributed/layout.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

const SIZES = [1, 2, 3, 4, 5];

Deno.test("allReduce() leaves the sum over all ranks on every rank, for any count", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      for (const count of [0, 1, size - 1, size, size + 1, 13, 997, 8_191, 300_001]) {
        const values = term(group.rank, count);
        await group.allReduce(values);
        assertSameBits(values, total(size, count));
      }
    });
  }
});

Deno.test("allReduce() sums a view of a larger buffer and does not change the rest", async () => {
  await inProcessRanks(3, async ({ group }) => {
    const buffer = new Float32Array(20).fill(7);
    await group.allReduce(buffer.subarray(5, 15));
    assertSameBits(buffer, Float32Array.from({ length: 20 }, (_, i) => i < 5 || i >= 15 ? 7 : 21));
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
    for (const bits of sums) assertSameBits(bits, sums[0]);
  }
});

Deno.test("allReduce() sends the bytes of its algorithm's formula, and a header for each peer", async () => {
  for (const allReduce of ["one-shot", "two-shot", "ring"]) {
    for (const size of SIZES) {
      for (const count of [0, 1, 13, 100_003]) {
        const counted = await inProcessRanks(size, async ({ group }) => {
          await group.allReduce(new Float32Array(count));
          return group.counters;
        }, { algorithms: { allReduce } });
        const headers = size === 1 ? 0 : HEADER_BYTES * (allReduce === "ring" ? 1 : size - 1);
        const times = allReduce === "one-shot" ? size - 1 : 2 * (size - 1) / size;
        for (const { collectives, bytesSent, bytesReceived } of counted) {
          equal(collectives, size > 1 ? 1 : 0);
          const due = headers + times * count * 4;
          ok(Math.abs(bytesSent - due) < 8 * size, `${bytesSent} sent, ${due} due`);
          ok(Math.abs(bytesReceived - due) < 8 * size);
        }
        const total = counted.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
        equal(total, Math.round(size * (headers + times * count * 4)));
      }
    }
  }
});

Deno.test("allReduce() supports every element type and reduction, and gives every rank the same bits", async () => {
  const kinds = [Float32Array, Float64Array, Int32Array, Uint32Array, Float16Array];
  for (const size of [1, 3]) {
    await inProcessRanks(size, async ({ group }) => {
      for (const Kind of kinds) {
        const terms = Array.from({ length: size }, (_, rank) => 3 * rank + 1);
        const expected = {
          sum: terms.reduce((sum, each) => sum + each, 0),
          max: Math.max(...terms),
          min: Math.min(...terms),
          mean: terms.reduce((sum, each) => sum + each, 0) / size,
        };
        for (const op of ["sum", "max", "min", "mean"] as const) {
          if (op === "mean" && (Kind === Int32Array || Kind === Uint32Array)) continue;
          const values = Kind.of(terms[group.rank], terms[group.rank]);
          await group.allReduce(values, { op });
          assertSameBits(values, Kind.of(expected[op], expected[op]), `${op} of ${Kind.name}`);
        }
      }
      const bf16 = Uint16Array.of(0x3f80, 0x4000); // 1 and 2
      await group.allReduce(bf16, { dtype: "bf16", op: "mean" });
      assertSameBits(bf16, Uint16Array.of(0x3f80, 0x4000));
    });
  }
});

Deno.test("16-bit values are rounded once even if the table chooses a ring", async () => {
  const algorithms = { allReduce: "ring", reduceScatter: "ring" };
  await inProcessRanks(3, async ({ group }) => {
    // 2048 + 1 is 2048 in f16, and again; in f32 it is 2050, which f16 has.
    const term = group.rank === 0 ? 2048 : 1;
    const values = new Float16Array(6).fill(term);
    const part = await group.reduceScatter(values, [2, 2, 2]);
    assertSameBits(part, Float16Array.of(2050, 2050));
    await group.allReduce(values);
    assertSameBits(values, new Float16Array(6).fill(2050));
  }, { algorithms });
});

Deno.test("reduce() replaces the values of the root only", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      for (const count of [0, 1, 100_003]) {
        const root = size - 1;
        const values = term(group.rank, count);
        await group.reduce(values, root);
        assertSameBits(values, group.rank === root ? total(size, count) : term(group.rank, count));
      }
    });
  }
});

Deno.test("allToAll() sends part r of every rank to rank r, with uneven and empty parts", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      const count = (from: number, to: number) => (from * 5 + to * 3) % 7 * 5_000;
      const ranks = Array.from({ length: size }, (_, rank) => rank);
      const part = (from: number, to: number) => Array(count(from, to)).fill(100 * from + to);
      const received = await group.allToAll(
        Float32Array.from(ranks.flatMap((to) => part(group.rank, to))),
        {
          sendCounts: ranks.map((to) => count(group.rank, to)),
          receiveCounts: ranks.map((from) => count(from, group.rank)),
        },
      );
      assertSameBits(received, Float32Array.from(ranks.flatMap((from) => part(from, group.rank))));
    });
  }
});

Deno.test("messages between two ranks arrive in order, also large ones in both directions at once", async () => {
  await inProcessRanks(3, async ({ group }) => {
    const [right, left] = [(group.rank + 1) % 3, (group.rank + 2) % 3];
    const [first, second] = [new Float32Array(3_000_000), new Int32Array(2)];
    await Promise.all([
      group.send(new Float32Array(3_000_000).fill(group.rank), right),
      group.send(Int32Array.of(1, 2), right),
      group.receive(first, left),
      group.receive(second, left),
    ]);
    ok(first.every((value) => value === left));
    assertSameBits(second, Int32Array.of(1, 2));
    await group.barrier();
    equal(group.counters.collectives, 1);
  });
});

Deno.test("a message that is not received is an error that names its receiver when that fails, after others have arrived", async () => {
  const [error] = await inProcessRanks(2, async (world) => {
    const { group } = world;
    if (group.rank === 1) {
      await group.send(new Float32Array(1), 0);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await world.abort(new Error("no receive here"));
      return "";
    }
    const sent = group.send(new Float32Array(4_000_000), 1);
    await group.receive(new Float32Array(1), 1);
    return await sent.then(() => "no error", (error: Error) => error.message);
  }, { stallTimeoutMs: 400 });
  match(
    error,
    /Rank 1 failed: no receive here/,
  );
});

Deno.test("an aborted call rejects on every rank, with the rank that aborted and its reason", async () => {
  const errors = await inProcessRanks(3, async ({ group }) => {
    const [from, options] = group.rank === 1 ? [2, { signal: AbortSignal.timeout(50) }] : [1, {}];
    const call = group.receive(new Float32Array(1), from, options);
    return await call.then(() => "no error", (error: Error) => error.message);
  });
  for (const message of errors) match(message, /Rank 1 aborted in receive 0 .*timeout/);
});

Deno.test("reduceScatter() returns to each rank the sum of its part, with uneven and empty parts", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      for (const counts of uneven(size)) {
        const count = counts.reduce((sum, each) => sum + each, 0);
        const values = term(group.rank, count);
        const part = await group.reduceScatter(values, counts);
        const begin = counts.slice(0, group.rank).reduce((sum, each) => sum + each, 0);
        assertSameBits(part, total(size, count).slice(begin, begin + counts[group.rank]));
        assertSameBits(values, term(group.rank, count), "the argument is not changed");
      }
    });
  }
});

Deno.test("allGather() returns all shards in rank order, with uneven and empty shards", async () => {
  for (const size of SIZES) {
    await inProcessRanks(size, async ({ group }) => {
      for (const counts of uneven(size)) {
        const shards = counts.map((count, rank) => term(rank, count));
        const whole = await group.allGather(shards[group.rank], counts);
        assertSameBits(whole, shards.flatMap((shard) => [...shard]));
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
          assertSameBits(values, term(root, count));
        }
      }
    });
  }
});

Deno.test("barrier() resolves on no rank before the last rank has called it", async () => {
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

Deno.test("a group of some ranks is created by these alone", async () => {
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

Deno.test("invalid arguments reject before anything is sent, and the group stays usable", async () => {
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

Deno.test("closing twice is allowed, and later calls reject", async () => {
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

Deno.test("the records of a group are released when it is closed, and kept when the world has failed", async () => {
  await inProcessRanks(2, async (world) => {
    for (let round = 0; round < 20; round++) {
      const group = await world.createGroup([0, 1]);
      await group.barrier();
      await group.close();
    }
    equal(world.dump().groups.length, 1, "that of the world");
    const last = await world.createGroup([0, 1]);
    if (world.rank === 0) await last.send(Int32Array.of(1), 1);
    else await last.receive(new Int32Array(1), 0);
    await last.barrier();
    await world.abort(new Error("enough"));
    await last.close();
    const { groups } = world.dump();
    equal(groups.length, 2);
    deepEqual(groups[1].calls.map(({ op, state }) => [op, state]), [["barrier", "finished"]]);
    deepEqual(
      groups[1].messages.map(({ op, peer, state, bytesDone }) => [op, peer, state, bytesDone]),
      [[world.rank === 0 ? "send" : "receive", 1 - world.rank, "finished", 4]],
    );
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
