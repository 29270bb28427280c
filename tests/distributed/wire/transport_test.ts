// The end of a connection: all bytes sent before it arrive, also if the other end has sent more meanwhile.

import { equal, rejects } from "node:assert/strict";
import {
  type Connection,
  ConnectionClosedError,
  overTcp,
} from "../../../src/distributed/wire/transport.ts";

Deno.test("finish() delivers all bytes although some from the peer were never read", async () => {
  const [leaving, staying] = await connectionPair();
  const payload = new Uint8Array(8 << 20).fill(7);
  const sending = leaving.writeAll(payload).then(() => leaving.finish()).then(() =>
    leaving.close()
  );
  await staying.writeAll(new Uint8Array(1000));
  const received = new Uint8Array(payload.length);
  for (let done = 0; done < received.length;) {
    done += await staying.read(received.subarray(done));
    // More bytes that the leaving end does not read, as of a peer that has begun its next call.
    await staying.writeAll(new Uint8Array(100));
  }
  equal(received.every((byte) => byte === 7), true);
  await rejects(staying.read(new Uint8Array(1)), ConnectionClosedError);
  staying.close();
  await sending;
});

Deno.test("finish() resolves when the connection is closed here, if the peer never ends", async () => {
  const [leaving, staying] = await connectionPair();
  const finished = leaving.finish();
  await new Promise((resolve) => setTimeout(resolve, 20));
  leaving.close();
  await finished;
  staying.close();
});

async function connectionPair(): Promise<[Connection, Connection]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const dialed = Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  return [overTcp(await listener.accept()), overTcp(await dialed)];
}
