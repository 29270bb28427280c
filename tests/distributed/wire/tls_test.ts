// Mutual TLS with real certificates: the job works, nothing is readable on the wire, and other clients are refused.

import { equal, match, ok, rejects } from "node:assert/strict";
import type { TlsIdentity } from "../../../src/distributed/wire/tls.ts";
import { World } from "../../../src/distributed/world.ts";
import { makeIdentity, opensslMissing } from "../../support/distributed/certificates.ts";
import { FaultProxy } from "../../support/distributed/fault_proxy.ts";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";

const missing = await opensslMissing();

tlsTest(
  "ranks with certificates of one authority sum, and nothing is readable on the wire",
  async () => {
    const tls = await makeIdentity();
    const port = freePort();
    await using proxy = new FaultProxy(port);
    let bytesSeen = 0;
    const texts = new Set<string>();
    proxy.damage((chunk) => {
      bytesSeen += chunk.length;
      const text = new TextDecoder("latin1").decode(chunk);
      for (const word of ["MESHFCT1", "MFOP", "hello", "kind"]) {
        if (text.includes(word)) texts.add(word);
      }
    });
    const job = { ...newJob(port), worldSize: 3, tls };
    const worlds = await Promise.all([
      World.join({ ...job, rank: 0, advertise: `127.0.0.1:${proxy.port}` }),
      World.join({ ...job, rank: 1, port: proxy.port }),
      World.join({ ...job, rank: 2, port: proxy.port }),
    ]);
    await Promise.all(worlds.map(async ({ group, rank }) => {
      const values = new Float32Array(500_000).fill(rank + 1);
      await group.allReduce(values);
      ok(values.every((value) => value === 6));
    }));
    await Promise.all(worlds.map((world) => world.close()));
    ok(bytesSeen > 500_000 * 4);
    equal([...texts].join(), "");
  },
);

tlsTest("connections that begin no handshake do not delay the start, and are closed", async () => {
  const tls = await makeIdentity();
  const job = { ...newJob(freePort()), tls };
  const rank0 = World.join({ ...job, rank: 0 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const strangers = await Promise.all(
    Array.from({ length: 100 }, () => Deno.connect({ hostname: "127.0.0.1", port: job.port })),
  );
  const began = performance.now();
  const worlds = await Promise.all([rank0, World.join({ ...job, rank: 1 })]);
  const elapsed = performance.now() - began;
  // Each has 5 s.
  ok(elapsed < 2500, `it took ${elapsed} ms`);
  // At most 64 may be pending: the first have been closed, the last may stay.
  equal(await strangers[0].read(new Uint8Array(1)).catch(() => null), null);
  await Promise.all(worlds.map((world) => world.close()));
  for (const conn of strangers) {
    equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
    conn.close();
  }
});

tlsTest(
  "a rank with a certificate of another authority is refused, and the job continues",
  async () => {
    const [tls, other] = [await makeIdentity(), await makeIdentity()];
    const job = newJob(freePort());
    const rank0 = World.join({ ...job, rank: 0, tls });
    const intruder = { ...job, rank: 1, timeoutMs: 3000 };
    await rejects(
      World.join({ ...intruder, tls: other }),
      /Rank 1 found no rank 0 at .*invalid peer certificate/,
    );
    // It trusts the job's authority, but has no certificate signed by it.
    const untrusted: TlsIdentity = { ...other, ca: tls.ca };
    const error = await World.join({ ...intruder, tls: untrusted }).then(() => "", String);
    match(error, /Rank 1 found no rank 0 at .*without a certificate signed by its authority/);
    const plain = await World.join(intruder).then(() => "", String);
    match(plain, /Rank 1 (found no rank 0|cannot join)/);
    const worlds = await Promise.all([rank0, World.join({ ...job, rank: 1, tls })]);
    await Promise.all(worlds.map(({ group }) => group.barrier()));
    await Promise.all(worlds.map((world) => world.close()));
  },
);

tlsTest("an error names the address of a port in use, also with TLS", async () => {
  const tls = await makeIdentity();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await rejects(
    World.join({ ...newJob(port), rank: 0, tls }),
    new RegExp(`Rank 0 cannot listen on 127.0.0.1:${port} as it is in use`),
  );
});

function newJob(port: number) {
  return {
    worldSize: 2,
    host: "127.0.0.1",
    port,
    sameHost: "tcp",
    secret: "the secret of the job",
    timeoutMs: 10_000,
  } as const;
}

/** Registers a test that needs openssl; if that is missing it is skipped, with the reason in its name. */
function tlsTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} [skipped: ${missing}]`,
    ignore: missing !== undefined,
    fn,
  });
}
