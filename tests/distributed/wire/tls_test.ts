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
  "what is wrong with a rank's own certificate, key or authority is an error before it listens",
  async () => {
    const [tls, other, expired] = await Promise.all([
      makeIdentity(),
      makeIdentity(),
      makeIdentity({ days: -1 }),
    ]);
    const wrong: readonly (readonly [Partial<TlsIdentity>, RegExp])[] = [
      [
        { key: other.key },
        /The key \(MESHFACTOR_TLS_KEY\) is not that of the certificate of CN=rank/,
      ],
      [
        { ca: other.ca },
        /not signed by an authority of this rank \(MESHFACTOR_TLS_CA, which holds CN=/,
      ],
      [
        expired,
        /certificate of CN=rank \(MESHFACTOR_TLS_CERT\) has expired on .* GMT: make a new one/,
      ],
      [{ cert: tls.key }, /MESHFACTOR_TLS_CERT holds no certificate in PEM format/],
      [{ key: tls.cert }, /MESHFACTOR_TLS_KEY holds no private key in PEM format/],
      [{ ca: "" }, /MESHFACTOR_TLS_CA holds no certificate in PEM format/],
    ];
    for (const rank of [0, 1]) {
      const job = { ...newJob(freePort()), rank };
      for (const [change, text] of wrong) {
        await rejects(World.join({ ...job, tls: { ...tls, ...change } }), text);
      }
      const elsewhere = { ...job, advertise: "10.1.2.3" };
      await rejects(
        World.join({ ...elsewhere, tls }),
        /is not valid for 10\.1\.2\.3, where others reach this rank, but for IP Address:127\.0\.0\.1/,
      );
      using _free = Deno.listen({ hostname: job.host, port: job.port });
    }
  },
);

tlsTest(
  "what two ranks do not accept of each other is an error at once, and the job continues",
  async () => {
    const [tls, other, serverOnly] = await Promise.all([
      makeIdentity(),
      makeIdentity(),
      makeIdentity({ usage: "serverAuth" }),
    ]);
    const job = newJob(freePort());
    const rank0 = World.join({ ...job, rank: 0, tls });
    const intruder = { ...job, rank: 1 };
    const trusting = ({ cert, key, ca }: TlsIdentity) => ({ cert, key, ca: ca + tls.ca });
    const wrong: readonly (readonly [TlsIdentity | undefined, RegExp])[] = [
      [other, /end is not signed by an authority of this rank \(MESHFACTOR_TLS_CA\)/],
      [
        trusting(other),
        /refuses this rank's certificate, which is not signed by an authority of that/,
      ],
      [trusting(serverOnly), /refuses this rank's certificate, .*may not be used by clients/],
      [undefined, /uses TLS, this one does not: give certificates to all ranks or to none/],
    ];
    const began = performance.now();
    for (const [identity, text] of wrong) {
      const options = identity === undefined ? intruder : { ...intruder, tls: identity };
      const error = await World.join(options).then(() => "", String);
      match(error, /Error: Rank 1 cannot join at 127\.0\.0\.1:\d+: The /);
      match(error, text);
    }
    const elapsed = performance.now() - began;
    ok(elapsed < 5_000, `it took ${elapsed} ms, a timeout is 10 s`);
    const worlds = await Promise.all([rank0, World.join({ ...job, rank: 1, tls })]);
    await Promise.all(worlds.map(({ group }) => group.barrier()));
    await Promise.all(worlds.map((world) => world.close()));

    const plain = newJob(freePort());
    const plain0 = World.join({ ...plain, rank: 0 });
    await rejects(
      World.join({ ...plain, rank: 1, tls }),
      /Rank 1 cannot join at .*: The rank at the other end does not use TLS: give certificates to all/,
    );
    const both = await Promise.all([plain0, World.join({ ...plain, rank: 1 })]);
    await Promise.all(both.map((world) => world.close()));
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
