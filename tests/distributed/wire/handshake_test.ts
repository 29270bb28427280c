// The handshake: only valid proofs are accepted, the dialer proves first, and both ends get the same keys, each for one
// direction of one connection. Other versions and other protections are refused by both ends, with the difference.

import assert from "node:assert/strict";
import {
  authenticateDialer,
  authenticateToAcceptor,
  importSecret,
} from "../../../src/distributed/wire/handshake.ts";
import {
  encodeMessage,
  type Hello,
  PREFIX_BYTES,
  readMessage,
  writeMessage,
} from "../../../src/distributed/wire/control_message.ts";
import { type Connection, overTcp } from "../../../src/distributed/wire/transport.ts";

const HELLO: Hello = {
  kind: "hello",
  purpose: "group",
  rank: 1,
  to: 0,
  worldSize: 2,
  address: { hostname: "127.0.0.1", port: 1 },
  group: "a",
};
const MAGIC = new TextEncoder().encode("MESHFCT2");
const KEYED = 2;

Deno.test("both ends of a connection with the job's secret are accepted", async () => {
  using ends = await connected();
  const key = await importSecret("right");
  const accepted = authenticateDialer(ends.acceptor, key);
  const dialed = authenticateToAcceptor(ends.dialer, { key, hello: HELLO });
  assert.deepEqual(await accepted, HELLO);
  await writeMessage(ends.acceptor, { kind: "welcome" });
  await dialed;
  const [one, other] = [ends.dialer.session, ends.acceptor.session];
  assert.ok(one !== undefined && other !== undefined);
  assert.deepEqual(one.frames.subarray(0, 32), other.frames.subarray(32));
  assert.deepEqual(one.frames.subarray(32), other.frames.subarray(0, 32));
  assert.notDeepEqual(one.frames.subarray(0, 32), one.frames.subarray(32));
  await writeMessage(ends.dialer, { kind: "beat" });
  assert.deepEqual(await readMessage(ends.acceptor), { kind: "beat" });
});

Deno.test("every connection has keys of its own", async () => {
  const key = await importSecret("right");
  const keys = new Set<string>();
  for (let i = 0; i < 5; i++) {
    using ends = await connected();
    const dialed = authenticateToAcceptor(ends.dialer, { key, hello: HELLO });
    await authenticateDialer(ends.acceptor, key);
    await writeMessage(ends.acceptor, { kind: "welcome" });
    await dialed;
    const frames = ends.dialer.session?.frames;
    assert.ok(frames !== undefined);
    for (const half of [frames.slice(0, 32), frames.slice(32)]) keys.add(half.toHex());
  }
  assert.equal(keys.size, 10);
});

Deno.test("both ends refuse another secret, and the acceptor has not shown a proof before", async () => {
  using ends = await connected();
  const accepted = authenticateDialer(ends.acceptor, await importSecret("right"));
  accepted.catch(() => {});
  const answer = await proveBy(ends.dialer, await importSecret("wrong"));
  await assert.rejects(accepted, { name: "AuthenticationError", message: /another secret/ });
  assert.deepEqual(answer, new Uint8Array(32));

  using others = await connected();
  const refused = authenticateDialer(others.acceptor, await importSecret("right"));
  refused.catch(() => {});
  const dialed = authenticateToAcceptor(others.dialer, {
    key: await importSecret("wrong"),
    hello: HELLO,
  });
  await assert.rejects(dialed, { name: "AuthenticationError", message: /another secret/ });
});

Deno.test("an acceptor accepts a proof that is made as the protocol says", async () => {
  using ends = await connected();
  const key = await importSecret("right");
  const accepted = authenticateDialer(ends.acceptor, key);
  const answer = await proveBy(ends.dialer, key);
  assert.deepEqual(await accepted, HELLO);
  assert.notDeepEqual(answer, new Uint8Array(32));
});

Deno.test("an acceptor without the secret cannot send the dialer's own proof back", async () => {
  using ends = await connected();
  const dialed = authenticateToAcceptor(ends.dialer, {
    key: await importSecret("right"),
    hello: HELLO,
  });
  dialed.catch(() => {});
  const opening = new Uint8Array(MAGIC.length + 33);
  await ends.acceptor.readFully(opening);
  await ends.acceptor.writeAll(opening);
  const proof = new Uint8Array(32);
  await ends.acceptor.readFully(proof);
  await ends.acceptor.writeAll(proof);
  await assert.rejects(dialed, { name: "AuthenticationError", message: /another secret/ });
});

Deno.test("another version or another protection is refused by both ends, with the difference", async () => {
  const keyed = await importSecret("right");
  const plain = await importSecret("right", "checksum");
  using ends = await connected();
  const accepted = authenticateDialer(ends.acceptor, plain);
  accepted.catch(() => {});
  const dialed = authenticateToAcceptor(ends.dialer, { key: keyed, hello: HELLO });
  await assert.rejects(dialed, /by "checksum", this one by "keyed": .*MESHFACTOR_INTEGRITY/);
  await assert.rejects(accepted, /by "keyed", this one by "checksum"/);

  using newer = await connected();
  const late = authenticateToAcceptor(newer.dialer, { key: keyed, hello: HELLO });
  late.catch(() => {});
  await newer.acceptor.readFully(new Uint8Array(MAGIC.length + 33));
  await newer.acceptor.writeAll(new TextEncoder().encode("MESHFCT3".padEnd(100)));
  await assert.rejects(late, /uses version 3 of the protocol, this one version 2: run the same/);

  // The first version expects 72 bytes.
  using older = await connected();
  const first = authenticateDialer(older.acceptor, keyed);
  first.catch(() => {});
  await older.dialer.writeAll(new TextEncoder().encode("MESHFCT1".padEnd(40)));
  const answer = new Uint8Array(72);
  await older.dialer.readFully(answer);
  assert.deepEqual(answer.subarray(0, 8), MAGIC);
  await older.dialer.endWrites();
  await assert.rejects(first, /uses version 1 of the protocol, this one version 2/);
});

/** Plays the dialer with `key`; returns the acceptor's proof. */
async function proveBy(
  dialer: Connection,
  key: Awaited<ReturnType<typeof importSecret>>,
): Promise<Uint8Array> {
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  const mine = Uint8Array.from([...MAGIC, KEYED, ...nonce]);
  await dialer.writeAll(mine);
  const theirs = new Uint8Array(mine.length);
  await dialer.readFully(theirs);
  const message = encodeMessage(HELLO);
  const role = new TextEncoder().encode("dialer\0");
  const covered = Uint8Array.from([
    ...role,
    ...mine,
    ...theirs,
    ...message.subarray(PREFIX_BYTES),
  ]);
  const proof = new Uint8Array(await crypto.subtle.sign("HMAC", key.proofs, covered));
  await dialer.writeAll(Uint8Array.from([...proof, ...message]));
  const answer = new Uint8Array(32);
  await dialer.readFully(answer);
  return answer;
}

/** The two ends of a connection. */
async function connected(): Promise<
  Disposable & { readonly acceptor: Connection; readonly dialer: Connection }
> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [accepted, conn] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port }),
  ]);
  const ends = { acceptor: overTcp(accepted), dialer: overTcp(conn) };
  return {
    ...ends,
    [Symbol.dispose]() {
      ends.acceptor.close();
      ends.dialer.close();
    },
  };
}
