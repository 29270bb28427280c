// Rendezvous: wrong secrets, foreign connections, duplicate and missing ranks give a clear error or are ignored.

import { equal, match, ok, rejects } from "node:assert/strict";
import { World } from "../../../src/distributed/world.ts";
import type { WorldOptions } from "../../../src/distributed/membership/world_options.ts";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";

type Job = Omit<WorldOptions, "rank">;
const [RIGHT, WRONG] = ["the right secret, as long", "the wrong secret, as long"];

Deno.test("ranks may start in any order, with rank 0 last", async () => {
  const job = newJob(3);
  const others = [World.join({ ...job, rank: 2 }), World.join({ ...job, rank: 1 })];
  await sleep(100);
  const worlds = await Promise.all([World.join({ ...job, rank: 0 }), ...others]);
  await Promise.all(worlds.map(({ group }) => group.barrier()));
  await closeAll(worlds);
});

Deno.test("a rank with a wrong secret gets an error, and rank 0 names it as missing", async () => {
  const job = { ...newJob(2), secret: RIGHT, timeoutMs: 1500 };
  await Promise.all([
    rejects(World.join({ ...job, rank: 0 }), /Rank 1 of 2 did not join .* within 1500 ms/),
    rejects(
      World.join({ ...job, rank: 1, secret: WRONG }),
      /Rank 1 cannot join at .*holds another secret.*MESHFACTOR_SECRET/,
    ),
  ]);
});

Deno.test("an intruder with a wrong secret does not harm the job", async () => {
  const job = { ...newJob(2), secret: RIGHT };
  const rank0 = World.join({ ...job, rank: 0 });
  await rejects(World.join({ ...job, rank: 1, secret: WRONG }), /another secret/);
  const worlds = await Promise.all([rank0, World.join({ ...job, rank: 1 })]);
  await requireHealthy(worlds);
  await rejects(World.join({ ...job, rank: 1, secret: WRONG }), /another secret/);
  await requireHealthy(worlds);
  await closeAll(worlds);
});

Deno.test("a port scan, garbage and silent connections are dropped, before and during the job", async () => {
  const job = newJob(3);
  const rank0 = World.join({ ...job, rank: 0 });
  await sleep(200);
  const silent = await annoy(job);
  const worlds = await Promise.all([
    rank0,
    World.join({ ...job, rank: 1 }),
    World.join({ ...job, rank: 2 }),
  ]);
  const silentToo = await annoy(job);
  await requireHealthy(worlds);
  await closeAll(worlds);
  for (const conn of [silent, silentToo]) {
    equal(await conn.read(new Uint8Array(1)).catch(() => null), null, "it was closed");
    conn.close();
  }
});

Deno.test("a flood of silent connections does not prevent ranks from joining", async () => {
  const job = newJob(2);
  const rank0 = World.join({ ...job, rank: 0 });
  await sleep(200);
  const flood = await Promise.all(
    Array.from({ length: 200 }, () => Deno.connect({ hostname: job.host, port: job.port })),
  );
  const worlds = await Promise.all([rank0, World.join({ ...job, rank: 1 })]);
  await requireHealthy(worlds);
  await closeAll(worlds);
  for (const conn of flood) conn.close();
});

Deno.test("foreign connections that are silent, or send a byte at a time, do not delay the start", async () => {
  const job = newJob(4);
  const rank0 = World.join({ ...job, rank: 0 });
  await sleep(200);
  const strangers = await Promise.all(
    Array.from({ length: 50 }, () => Deno.connect({ hostname: job.host, port: job.port })),
  );
  const dribbling = setInterval(() => {
    for (const conn of strangers.slice(25)) conn.write(new Uint8Array([77])).catch(() => {});
  }, 20);
  const began = performance.now();
  const worlds = await Promise.all([1, 2, 3].map((rank) => World.join({ ...job, rank })));
  worlds.push(await rank0);
  const elapsed = performance.now() - began;
  clearInterval(dribbling);
  // Each has 5 s to authenticate: waiting for one, or for all in turn, would exceed the limit below.
  ok(elapsed < 2500, `it took ${elapsed} ms`);
  await requireHealthy(worlds);
  await closeAll(worlds);
  for (const conn of strangers) conn.close();
});

Deno.test("ranks that never join are named, on every rank, within the timeout", async () => {
  const job = { ...newJob(4), timeoutMs: 1500 };
  const began = performance.now();
  const expected = /Ranks 1, 3 of 4 did not join at .* within 1500 ms/;
  await Promise.all([
    rejects(World.join({ ...job, rank: 0 }), expected),
    rejects(World.join({ ...job, rank: 2 }), expected),
  ]);
  ok(performance.now() - began < 5000);
});

Deno.test("without rank 0 the others report the address that they dialed", async () => {
  const job = { ...newJob(2), timeoutMs: 300 };
  await rejects(
    World.join({ ...job, rank: 1 }),
    new RegExp(`Rank 1 found no rank 0 at 127.0.0.1:${job.port} within 300 ms`),
  );
});

Deno.test("a server of another kind on the port is an error", async () => {
  const job = { ...newJob(2), timeoutMs: 2000 };
  const listener = Deno.listen({ hostname: job.host, port: job.port });
  const serve = (async () => {
    const conn = await listener.accept();
    await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n".padEnd(200)));
    return conn;
  })();
  await rejects(World.join({ ...job, rank: 1 }), /The other end is not a rank of Meshfactor/);
  (await serve).close();
  listener.close();
});

Deno.test("a second job on the same port gets an error that it is in use, and the first continues", async () => {
  const job = newJob(2);
  const worlds = await Promise.all([0, 1].map((rank) => World.join({ ...job, rank })));
  const second = { ...job, secret: WRONG };
  await rejects(
    World.join({ ...second, rank: 0 }),
    new RegExp(`cannot listen on 127.0.0.1:${job.port} as it is in use.*another MASTER_PORT`),
  );
  await rejects(World.join({ ...second, rank: 1 }), /holds another secret/);
  await requireHealthy(worlds);
  await closeAll(worlds);
});

Deno.test("a duplicate rank is refused, before and during the job, and the job continues", async () => {
  const job = newJob(3);
  const first = [World.join({ ...job, rank: 0 }), World.join({ ...job, rank: 1 })];
  await sleep(100);
  const twice = /Rank 1 cannot join at .*Rank 1 has joined already/;
  await rejects(World.join({ ...job, rank: 1 }), twice);
  const worlds = await Promise.all([...first, World.join({ ...job, rank: 2 })]);
  await rejects(World.join({ ...job, rank: 1 }), twice);
  await requireHealthy(worlds);
  await closeAll(worlds);
});

Deno.test("of two processes that join as the same rank at the same time, one is refused", async () => {
  const job = newJob(3);
  const rank0 = World.join({ ...job, rank: 0 });
  const both = Promise.allSettled([
    World.join({ ...job, rank: 1 }),
    World.join({ ...job, rank: 1 }),
  ]);
  await sleep(150);
  const rank2 = World.join({ ...job, rank: 2 });
  const settled = await both;
  const joined = settled.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  const refused = settled.flatMap((each) => each.status === "rejected" ? [each.reason] : []);
  equal(joined.length, 1);
  match(refused[0].message, /Rank 1 has joined already/);
  const worlds = await Promise.all([rank0, ...joined, rank2]);
  await requireHealthy(worlds);
  await closeAll(worlds);
});

Deno.test("a rank that leaves before all have joined can be replaced", async () => {
  const job = newJob(3);
  const rank0 = World.join({ ...job, rank: 0 });
  await rejects(World.join({ ...job, rank: 1, timeoutMs: 1000 }), /Rank 2 of 3 did not join/);
  await sleep(50);
  const worlds = await Promise.all([
    rank0,
    World.join({ ...job, rank: 1 }),
    World.join({ ...job, rank: 2 }),
  ]);
  await requireHealthy(worlds);
  await closeAll(worlds);
});

Deno.test("ranks with another number of ranks, or out of range, are refused", async () => {
  const job = newJob(2);
  const rank0 = World.join({ ...job, rank: 0 });
  await rejects(
    World.join({ ...job, worldSize: 3, rank: 2 }),
    /Rank 2 has WORLD_SIZE=3, rank 0 has 2/,
  );
  await rejects(World.join({ ...job, rank: 2 }), /Rank 2 is out of range: ranks are 0 to 1/);
  await rejects(World.join({ ...job, rank: -1 }), RangeError);
  await rejects(World.join({ ...job, worldSize: 0, rank: 0 }), /positive integer, got 0/);
  await rejects(World.join({ ...job, port: 0, rank: 0 }), /from 1 to 65535, got 0/);
  await rejects(
    World.join({ ...job, timeoutMs: NaN, rank: 0 }),
    /timeoutMs must be a number of milliseconds above 0 .* got NaN/,
  );
  const worlds = [await World.join({ ...job, rank: 1 }), await rank0];
  await requireHealthy(worlds);
  await closeAll(worlds);
});

Deno.test("ranks join on a network address, and an address of another machine is refused", async () => {
  const own = Deno.networkInterfaces().find(({ family, address }) =>
    family === "IPv4" && !address.startsWith("127.")
  );
  const host = own?.address ?? "127.0.0.2";
  const job = { ...newJob(3), host, secret: RIGHT };
  const worlds = await Promise.all([
    World.join({ ...job, rank: 0 }),
    World.join({ ...job, rank: 1, bind: host }),
    World.join({ ...job, rank: 2, bind: "0.0.0.0" }),
  ]);
  await requireHealthy(worlds);
  await closeAll(worlds);
  await rejects(
    World.join({ ...job, rank: 1, bind: "203.0.113.9" }),
    /Rank 1 cannot listen on 203\.0\.113\.9:0 .*give an address of this machine/,
  );
});

Deno.test("a world of one rank needs no network and copies", async () => {
  const port = freePort();
  using _taken = Deno.listen({ hostname: "127.0.0.1", port });
  await using world = await World.join({ rank: 0, worldSize: 1, host: "127.0.0.1", port });
  const values = Float32Array.of(1, 2);
  await world.group.allReduce(values);
  const part = await world.group.reduceScatter(values, [2]);
  equal(part[1], 2);
  ok(part !== values);
  equal(world.group.counters.bytesSent, 0);
  equal(world.group.counters.collectives, 0);
});

function newJob(worldSize: number): Job & { readonly host: string; readonly port: number } {
  return { worldSize, host: "127.0.0.1", port: freePort(), timeoutMs: 10_000 };
}

/** Scans the port, sends garbage, and leaves one connection silent. */
async function annoy({ host, port }: Job): Promise<Deno.TcpConn> {
  for (const garbage of ["", "GET / HTTP/1.1\r\n\r\n", "MESHFCT1", "MESHFCT1".padEnd(4000, "x")]) {
    const conn = await Deno.connect({ hostname: host, port });
    await conn.write(new TextEncoder().encode(garbage));
    conn.close();
  }
  return await Deno.connect({ hostname: host, port });
}

async function requireHealthy(worlds: readonly World[]): Promise<void> {
  await Promise.all(worlds.map(async ({ group }) => {
    const values = Float32Array.of(1);
    await group.allReduce(values);
    equal(values[0], worlds.length);
  }));
}

async function closeAll(worlds: readonly World[]): Promise<void> {
  await Promise.all(worlds.map((world) => world.close()));
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
