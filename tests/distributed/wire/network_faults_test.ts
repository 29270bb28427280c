// Pulled cables and bytes damaged in transit: all surviving ranks name the same rank.

import { equal, match, ok } from "node:assert/strict";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import type { Integrity } from "../../../src/distributed/wire/session.ts";
import { World } from "../../../src/distributed/world.ts";
import { FaultProxy } from "../../support/distributed/fault_proxy.ts";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";
import { randomBelow } from "../../support/distributed/random_below.ts";

const STALL_TIMEOUT_MS = 2_000;

Deno.test("a rank whose network is cut is named by all others and by itself", async () => {
  const { errors, elapsed } = await rank2BehindProxies((proxies) => {
    for (const proxy of proxies) proxy.cut();
  });
  for (const error of errors) {
    equal(error.rank, 2, error.message);
    equal(error.op, "allReduce");
    ok(error.bytesDone !== undefined && error.bytesDone < (error.bytesExpected ?? 0));
  }
  match(
    errors[0].message,
    /Rank 2 has stalled its peers for 2 s in allReduce \d+ of group \[0, 1, 2\] after \d+ of \d+ bytes: it does not answer/,
  );
  equal(errors[1].message, errors[0].message);
  match(errors[2].message, /it receives nothing from any other rank, so it is cut off/);
  ok(elapsed < 2 * STALL_TIMEOUT_MS, `it took ${elapsed} ms`);
});

const damage: readonly (readonly [Integrity, RegExp])[] = [
  [
    "checksum",
    /^Rank [012] sent (an invalid message|invalid bytes in allReduce).* damaged in transit/,
  ],
  [
    "keyed",
    /^Rank [012] received what rank [012] did not send.*: the keyed sum of a (message|header) is wrong on the connection 127\.0\.0\.1:\d+ - 127\.0\.0\.1:\d+: bytes were changed/,
  ],
];
for (const [integrity, text] of damage) {
  Deno.test(`one damaged message between two ranks is named on all ranks, ${integrity}`, async () => {
    const { errors } = await rank2BehindProxies(([, toRank1]) => {
      let isDone = false;
      toRank1.damage((chunk) => {
        const text = new TextDecoder("latin1").decode(chunk);
        if (isDone || !text.includes('"kind":"beat"')) return;
        isDone = true;
        chunk[text.indexOf("beat")] ^= 1;
      });
    }, { integrity });
    for (const error of errors) {
      equal(error.message, errors[0].message);
      match(error.message, text);
    }
  });

  Deno.test(`a damaged header of a frame is reported as damage, not as a different call, ${integrity}`, async () => {
    const { errors } = await rank2BehindProxies(([toRank0]) => {
      let isDone = false;
      toRank0.damage((chunk) => {
        const text = new TextDecoder("latin1").decode(chunk);
        if (isDone || !text.startsWith("MFOP")) return;
        isDone = true;
        chunk[24] ^= 1;
      });
    }, { integrity });
    for (const error of errors) {
      equal(error.message, errors[0].message);
      match(error.message, text);
    }
  });
}

Deno.test("sums are right over a network with seeded delays and stalls, and no rank is named", async () => {
  const { worlds, proxies } = await startBehindProxies(STALL_TIMEOUT_MS);
  for (const [index, proxy] of proxies.entries()) {
    const random = randomBelow(index + 1);
    // Some milliseconds each; sometimes a stall of a large part of the stall timeout.
    proxy.delay(() => random(60) === 0 ? STALL_TIMEOUT_MS / 4 : random(6));
  }
  let bytesSent = 0;
  await Promise.all(worlds.map(async ({ group, rank }) => {
    for (const count of [1, 9, 1_000, 100_003]) {
      const values = new Float32Array(count).fill(rank + 1);
      await group.allReduce(values);
      ok(values.every((value) => value === 6));
      const [gathered] = (await group.allGather(Int32Array.of(rank), [1, 1, 1])).slice(-1);
      equal(gathered, 2);
      await group.barrier();
    }
    bytesSent += group.counters.bytesSent;
  }));
  ok(bytesSent > 4 * 100_003 * 3);
  await Promise.all(worlds.map((world) => world.close()));
  for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
});

const payloads = [
  [10_000, "keyed"],
  [10_000, "checksum"],
  [300, "keyed"],
  [300, "checksum"],
  [40_000, "keyed"],
] as const;
for (const [seed, [length, integrity]] of payloads.entries()) {
  Deno.test(`one flipped bit of ${4 * length} bytes of payload is named on all ranks, ${integrity}`, async () => {
    const random = randomBelow(seed + 1);
    const { errors } = await rank2BehindProxies(([, toRank1]) => {
      let skipped = random(3);
      let isDone = false;
      toRank1.damage((chunk) => {
        // Large chunks are payload beyond their first bytes.
        const begin = chunk.length < 200 ? -1 : 100;
        if (isDone || begin < 0 || skipped-- > 0) return;
        isDone = true;
        chunk[begin + random(100)] ^= 1 << random(8);
      });
    }, { length, integrity });
    for (const error of errors) {
      equal(error.message, errors[0].message);
      match(
        error.message,
        integrity === "keyed"
          ? /^Rank [12] received what rank [12] did not send in allReduce \d+ of group .* after \d+ of \d+ bytes: the keyed sum of a (payload|header) is wrong/
          : /^Rank [12] sent invalid bytes in allReduce \d+ of group .* after \d+ of \d+ bytes: A payload was damaged/,
      );
    }
  });
}

Deno.test("idle time has no limit: ranks may make no call for long", async () => {
  const { worlds, proxies } = await startBehindProxies(300);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await Promise.all(worlds.map(({ group }) => group.barrier()));
  await Promise.all(worlds.map((world) => world.close()));
  for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
});

/** Three ranks sum until an error; the traffic of rank 2 passes two proxies, to which `fault` is applied. */
async function rank2BehindProxies(
  fault: (proxies: readonly FaultProxy[]) => void,
  { length = 10_000, integrity }: { readonly length?: number; readonly integrity?: Integrity } = {},
): Promise<{ readonly errors: readonly PeerLostError[]; readonly elapsed: number }> {
  const { worlds, proxies } = await startBehindProxies(STALL_TIMEOUT_MS, integrity);
  let began = 0;
  const errors = await Promise.all(worlds.map(async (world) => {
    try {
      for (let step = 0;; step++) {
        await world.group.allReduce(new Float32Array(length));
        if (step === 5 && world.rank === 2) {
          began = performance.now();
          fault(proxies);
        }
      }
    } catch (error) {
      ok(error instanceof PeerLostError, String(error));
      return error;
    }
  }));
  const elapsed = performance.now() - began;
  await Promise.all(worlds.map((world) => world.close()));
  for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
  return { errors, elapsed };
}

async function startBehindProxies(
  stallTimeoutMs: number,
  integrity: Integrity = "keyed",
): Promise<{ readonly worlds: readonly World[]; readonly proxies: readonly FaultProxy[] }> {
  const ports = [freePort(), freePort()];
  const proxies = ports.map((port) => new FaultProxy(port));
  const job = {
    worldSize: 3,
    host: "127.0.0.1",
    port: ports[0],
    sameHost: "tcp",
    timeoutMs: 10_000,
    stallTimeoutMs,
    integrity,
  } as const;
  const advertise = proxies.map(({ port }) => `127.0.0.1:${port}`);
  const worlds = await Promise.all([
    World.join({ ...job, rank: 0, advertise: advertise[0] }),
    World.join({ ...job, rank: 1, advertise: advertise[1], ports: String(ports[1]) }),
    World.join({ ...job, rank: 2, port: proxies[0].port }),
  ]);
  return { worlds, proxies };
}
