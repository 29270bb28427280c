// Groups over simulated sockets, thousands of runs: the right result or the right error, never a hang.

import { equal, match, ok, rejects } from "node:assert/strict";
import type { CallOptions, ProcessGroup } from "../../../src/distributed/group.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { simulateGroup } from "../../support/distributed/simulated_group.ts";

const ALL_REDUCE = ["one-shot", "two-shot", "ring"] as const;

Deno.test("every collective is correct in any order of delivery, a byte at a time", async () => {
  for (let seed = 0; seed < 300; seed++) {
    const size = 2 + seed % 5;
    const algorithms = seed % 2 === 0
      ? { allReduce: ALL_REDUCE[seed % 3] }
      : { reduceScatter: "ring", allGather: "ring", broadcast: "chain" };
    const { outcomes } = await simulateGroup(
      {
        size,
        seed,
        algorithms,
        longest: 1 + seed % 60,
        transport: seed % 3 === 0 ? "tcp" : "unix",
      },
      (group) => everyCollective(group),
    );
    for (const outcome of outcomes) {
      equal(outcome.status, "fulfilled", `seed ${seed}: ${"reason" in outcome && outcome.reason}`);
    }
  }
});

const differences: readonly {
  readonly what: string;
  readonly text: RegExp;
  readonly call: (group: ProcessGroup, odd: boolean) => Promise<unknown>;
}[] = [
  {
    what: "operations",
    text: /op allReduce on rank \d and barrier on rank \d|op barrier on rank \d and allReduce on/,
    call: (group, odd) => odd ? group.barrier() : group.allReduce(new Float32Array(3)),
  },
  {
    what: "element types",
    text: /dtype (f32|i32) on rank \d and (f32|i32) on rank \d/,
    call: (group, odd) => group.allReduce(odd ? new Int32Array(3) : new Float32Array(3)),
  },
  {
    what: "meanings of 16 bits",
    text: /dtype b?f16 on rank \d and b?f16 on rank \d/,
    call: (group, odd) => group.allReduce(new Uint16Array(3), { dtype: odd ? "f16" : "bf16" }),
  },
  {
    what: "reductions",
    text: /reduction (max|sum) on rank \d and (max|sum) on rank \d/,
    call: (group, odd) => group.allReduce(new Float32Array(3), { op: odd ? "max" : "sum" }),
  },
  {
    what: "counts",
    text: /count [34] on rank \d and [34] on rank \d/,
    call: (group, odd) => group.allReduce(new Float32Array(odd ? 3 : 4)),
  },
  {
    what: "roots",
    text: /root [01] on rank \d and [01] on rank \d/,
    call: (group, odd) => group.reduce(new Float32Array(3), odd ? 1 : 0),
  },
  {
    what: "counts per rank",
    text: /digest of the counts per rank \d+ on rank \d and \d+ on rank \d/,
    call: (group, odd) => group.reduceScatter(new Float32Array(3), odd ? [1, 2, 0] : [2, 1, 0]),
  },
  {
    what: "counts of an allToAll",
    text: /bytes to send \d+ on rank \d and \d+ on rank \d/,
    call: (group, odd) =>
      group.allToAll(new Float32Array(odd ? 6 : 3), {
        sendCounts: odd ? [2, 2, 2] : [1, 1, 1],
        receiveCounts: odd ? [2, 2, 2] : [1, 1, 1],
      }),
  },
  {
    what: "orders of calls",
    text: /op (allReduce|broadcast) on rank \d and (allReduce|broadcast) on rank \d/,
    call: async (group, odd) => {
      const calls = [
        () => group.allReduce(new Float32Array(3)),
        () => group.broadcast(new Float32Array(3), 0),
      ];
      await Promise.all((odd ? calls.reverse() : calls).map((call) => call()));
    },
  },
];

for (const { what, text, call } of differences) {
  Deno.test(`different ${what} on one rank are an error on every rank that shows the difference`, async () => {
    for (let seed = 0; seed < 20; seed++) {
      const odd = seed % 3;
      const { outcomes } = await simulateGroup(
        { size: 3, seed },
        (group) => call(group, group.rank === odd),
      );
      for (const outcome of outcomes) {
        equal(outcome.status, "rejected");
        if (outcome.status === "rejected") match(outcome.reason.message, text);
      }
    }
  });
}

Deno.test("different algorithms on one rank are an error on every rank that shows the difference", async () => {
  const [one, two, ring] = ALL_REDUCE.map((allReduce) => ({ allReduce }));
  for (
    const algorithms of [[one, one, two], [ring, two, two], [one, ring, ring], [one, two, ring]]
  ) {
    for (let seed = 0; seed < 20; seed++) {
      const { outcomes } = await simulateGroup({ size: 3, seed, algorithms }, sum);
      for (const outcome of outcomes) {
        equal(outcome.status, "rejected");
        if (outcome.status === "rejected") {
          match(outcome.reason.message, /algorithm \S+ on rank \d and \S+ on rank \d/);
        }
      }
    }
  }
});

/** Every call, as the aborting rank makes it; the others make it too, or wait for a message that is never sent. */
const abortable: {
  readonly [name: string]: (group: ProcessGroup, o: CallOptions) => Promise<unknown>;
} = {
  allReduce: (group, options) => group.allReduce(new Float32Array(500), options),
  reduceScatter: (group, options) =>
    group.reduceScatter(new Float32Array(600), [200, 200, 200], options),
  allGather: (group, options) => group.allGather(new Float32Array(200), [200, 200, 200], options),
  broadcast: (group, options) => group.broadcast(new Float32Array(500), 0, options),
  reduce: (group, options) => group.reduce(new Float32Array(500), 1, options),
  allToAll: (group, options) => {
    const counts = [200, 200, 200];
    const shares = { sendCounts: counts, receiveCounts: counts };
    return group.allToAll(new Float32Array(600), { ...shares, ...options });
  },
  barrier: (group, options) => group.barrier(options),
  send: (group, options) =>
    group.rank === 1
      ? group.send(new Float32Array(500), 2, options)
      : group.receive(new Float32Array(500), 1),
  receive: (group, options) => group.receive(new Float32Array(500), (group.rank + 1) % 3, options),
};

for (const [name, call] of Object.entries(abortable)) {
  Deno.test(`an aborted ${name} ends the job on every rank, naming the rank and its reason`, async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { outcomes } = await simulateGroup({ size: 3, seed }, async (group) => {
        if (group.rank !== 1) {
          await call(group, {});
          // Short calls may have received everything from rank 1.
          return await group.barrier();
        }
        const controller = new AbortController();
        const running = call(group, { signal: controller.signal });
        for (let turn = 0; turn < 3 * seed; turn++) await undefined;
        controller.abort(new Error("enough"));
        await running;
      });
      for (const outcome of outcomes) {
        equal(outcome.status, "rejected");
        if (outcome.status === "rejected") {
          match(
            outcome.reason.message,
            new RegExp(`Rank 1 aborted in ${name} 0 of .*: enough`),
          );
        }
      }
    }
  });

  Deno.test(`a signal that has fired before a ${name} rejects it, and nothing is sent`, async () => {
    const run = async (group: ProcessGroup, signal: AbortSignal | undefined) => {
      if (signal !== undefined) await rejects(call(group, { signal }), /too late/);
      await sum(group);
    };
    const without = await simulateGroup({ size: 3, seed: 3 }, (group) => run(group, undefined));
    const { outcomes, bytes } = await simulateGroup({ size: 3, seed: 3 }, (group) => {
      // The other ranks receive if this one sends.
      const takesPart = name !== "send" || group.rank === 1;
      return run(group, takesPart ? AbortSignal.abort(new Error("too late")) : undefined);
    });
    ok(outcomes.every(({ status }) => status === "fulfilled"));
    assertSameBits(bytes, without.bytes);
  });
}

/** Sums nine values and checks them. */
async function sum(group: ProcessGroup): Promise<void> {
  const values = Float32Array.from({ length: 9 }, (_, i) => (group.rank + 1) * (i + 1));
  await group.allReduce(values);
  const ranks = group.size * (group.size + 1) / 2;
  assertSameBits(values, Float32Array.from({ length: 9 }, (_, i) => ranks * (i + 1)));
}

async function everyCollective(group: ProcessGroup): Promise<void> {
  const { rank, size } = group;
  await sum(group);
  const counts = Array.from({ length: size }, (_, each) => each * 2 % 5);
  const total = counts.reduce((all, each) => all + each, 0);
  const begin = counts.slice(0, rank).reduce((all, each) => all + each, 0);
  const whole = Float32Array.from({ length: total }, (_, i) => i);
  const part = whole.slice(begin, begin + counts[rank]);
  const [sums, gathered] = await Promise.all([
    group.reduceScatter(whole, counts),
    group.allGather(part, counts),
  ]);
  assertSameBits(sums, part.map((value) => size * value));
  assertSameBits(gathered, whole);
  const values = Float64Array.of(rank, 2 * rank, 3);
  await group.broadcast(values, 1);
  assertSameBits(values, Float64Array.of(1, 2, 3));
  await group.barrier();
  const reduced = Int32Array.of(rank, -rank);
  await group.reduce(reduced, size - 1, { op: "max" });
  assertSameBits(reduced, rank === size - 1 ? Int32Array.of(rank, 0) : Int32Array.of(rank, -rank));
  // Each rank sends `to` elements to rank `to`.
  const sendCounts = Array.from({ length: size }, (_, to) => to);
  const receiveCounts = sendCounts.map(() => rank);
  const parts = Uint32Array.from(sendCounts.flatMap((to) => Array(to).fill(100 * rank + to)));
  assertSameBits(
    await group.allToAll(parts, { sendCounts, receiveCounts }),
    Uint32Array.from(sendCounts.flatMap((from) => Array(rank).fill(100 * from + rank))),
  );
  const [right, left] = [(rank + 1) % size, (rank + size - 1) % size];
  const [first, second] = [new Float32Array(30), new Float32Array(1)];
  await Promise.all([
    group.send(new Float32Array(30).fill(rank), right),
    group.send(Float32Array.of(-rank), right),
    group.receive(first, left),
    group.receive(second, left),
  ]);
  ok(first.every((value) => value === left));
  equal(second[0], -left);
}
