// The acceptor's side of the handshake, with a dialer that does not verify the acceptor: only a valid proof is accepted.

import assert from "node:assert/strict";
import { authenticateDialer, importSecret } from "../../../src/distributed/wire/handshake.ts";
import {
  encodeMessage,
  type Hello,
  PREFIX_BYTES,
} from "../../../src/distributed/wire/control_message.ts";
import { overTcp } from "../../../src/distributed/wire/transport.ts";

const HELLO: Hello = {
  kind: "hello",
  purpose: "group",
  rank: 1,
  to: 0,
  worldSize: 2,
  address: { hostname: "127.0.0.1", port: 1 },
  group: "a",
};

/** The result of authenticateDialer() for a dialer that signs with `secret`, where the job's is "right". */
async function dialWith(secret: string): Promise<Hello> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [accepted, conn] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port }),
  ]);
  using acceptor = overTcp(accepted);
  using dialer = overTcp(conn);
  const admitted = authenticateDialer(acceptor, await importSecret("right"));
  admitted.catch(() => {});

  const magic = new TextEncoder().encode("MESHFCT1");
  const mine = crypto.getRandomValues(new Uint8Array(32));
  await dialer.writeAll(Uint8Array.from([...magic, ...mine]));
  const answer = new Uint8Array(8 + 32 + 32);
  await dialer.readFully(answer);
  const message = encodeMessage(HELLO);
  const covered = Uint8Array.from([
    ...new TextEncoder().encode("dialer\0"),
    ...mine,
    ...answer.subarray(8, 40),
    ...message.subarray(PREFIX_BYTES),
  ]);
  const proof = new Uint8Array(
    await crypto.subtle.sign("HMAC", await importSecret(secret), covered),
  );
  await dialer.writeAll(Uint8Array.from([...proof, ...message]));
  return await admitted;
}

Deno.test("an acceptor accepts a dialer with the job's secret", async () => {
  assert.deepEqual(await dialWith("right"), HELLO);
});

Deno.test("an acceptor refuses a dialer whose proof was made with another secret", async () => {
  await assert.rejects(dialWith("wrong"), {
    name: "AuthenticationError",
    message: /another secret/,
  });
});
