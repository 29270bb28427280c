// A third party on the way between two ranks, over real sockets: it forges, repeats, moves, leaves out and sends back what
// ranks send to each other. With keyed sums each is refused with an error that names the connection. Without them, forged
// values are taken for the peer's: the attack works.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Engine } from "../../../src/distributed/calls/engine.ts";
import { encodeMessage } from "../../../src/distributed/wire/control_message.ts";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import { completeHeader, HEADER_BYTES } from "../../../src/distributed/wire/frame.ts";
import type { Integrity } from "../../../src/distributed/wire/session.ts";
import { World } from "../../../src/distributed/world.ts";
import { FaultProxy, type Rewrite } from "../../support/distributed/fault_proxy.ts";
import { freePort } from "../../../src/distributed/launcher/free_port.ts";

const COUNT = 4;
const MESSAGES = 8;
/** A header and values, and sums of 32 bytes in all. */
const FRAME_BYTES = HEADER_BYTES + 4 * COUNT + 32;

/** What is done with the frames of one direction, in order. */
type Attack = (frames: readonly Uint8Array[], integrity: Integrity) => readonly Uint8Array[];

const attacks: Readonly<Record<string, Attack>> = {
  forges: (frames, integrity) => frames.map((each, i) => i === 3 ? forged(each, integrity) : each),
  repeats: (frames) => frames.flatMap((each, i) => i === 2 ? [each, numbered(each, 3)] : [each]),
  "leaves out": (frames) =>
    frames.filter((_, i) => i !== 3).map((each, i) => i < 3 ? each : numbered(each, i)),
  moves: (frames) => [
    ...frames.slice(0, 3),
    numbered(frames[4], 3),
    numbered(frames[3], 4),
    ...frames.slice(5),
  ],
};

for (const [name, attack] of Object.entries(attacks)) {
  Deno.test(`a relay that ${name} frames is refused with an error that names the connection`, async () => {
    const { received, error } = await sendThrough(attack, "keyed");
    match(
      String(error),
      /PeerLostError: Rank 1 received what rank 0 did not send in receive 0 of group \[0, 1\].* on the connection 127\.0\.0\.1:\d+ - 127\.0\.0\.1:\d+: bytes were changed, added, repeated or left out/,
    );
    deepEqual(received, [0, 1, 2]);
  });

  Deno.test(`a relay that ${name} frames goes unnoticed without keyed sums`, async () => {
    const { received } = await sendThrough(attack, "checksum");
    ok(received.length > 3 && received[3] !== 3 || received[4] !== 4, String(received));
  });
}

Deno.test("a relay that sends a rank's own frames back to it is refused", async () => {
  const { worlds, proxy, close } = await twoRanks("keyed");
  let own: Uint8Array | undefined;
  proxy.rewrite(() => (bytes) => {
    if (!isFrame(bytes)) return bytes;
    // The first frame of one direction is sent on in the other.
    own ??= bytes.slice();
    return own;
  });
  const errors = await errorsOf(worlds);
  for (const error of errors) match(error, /received what rank \d did not send in allReduce/);
  await close();
});

Deno.test("a message that a relay adds to control messages is refused, and its innocent rank is not blamed", async () => {
  for (const integrity of ["keyed", "checksum"] as const) {
    const { worlds, proxy, close } = await twoRanks(integrity, 400);
    let isDone = false;
    proxy.rewrite(() => (bytes) => {
      if (isDone || !new TextDecoder("latin1").decode(bytes).includes('"beat"')) return bytes;
      isDone = true;
      const lie = encodeMessage({
        kind: "abort",
        origin: 0,
        rank: 0,
        message: "Rank 0 has failed, says the relay",
        group: [],
        op: "",
        sequence: 0,
        bytesDone: 0,
        bytesExpected: 0,
      });
      return Uint8Array.from([...lie, ...bytes]);
    });
    const errors = await errorsOf(worlds);
    for (const error of errors) {
      match(
        error,
        integrity === "keyed"
          ? /Rank \d received what rank \d did not send: the keyed sum of a message is wrong on the/
          : /Rank 0 has failed, says the relay/,
      );
    }
    await close();
  }
});

/** Rank 0 sends messages of its number to rank 1, which receives until an error. */
async function sendThrough(
  attack: Attack,
  integrity: Integrity,
): Promise<{ readonly received: readonly number[]; readonly error: unknown }> {
  const { worlds: [sender, receiver], proxy, close } = await twoRanks(integrity);
  proxy.rewrite(() => relayed((frames) => attack(frames, integrity)));
  const sent = Promise.allSettled(
    Array.from(
      { length: MESSAGES },
      (_, i) => sender.group.send(new Float32Array(COUNT).fill(i), 1),
    ),
  );
  const received: number[] = [];
  let error: unknown;
  try {
    // One less, as the relay may leave one out.
    while (received.length < MESSAGES - 1) {
      const values = new Float32Array(COUNT);
      await receiver.group.receive(values, 0);
      ok(values.every((value) => value === values[0]));
      received.push(values[0]);
    }
  } catch (cause) {
    ok(cause instanceof PeerLostError, String(cause));
    equal(cause.rank, 0);
    error = cause;
  }
  await close();
  await sent;
  return { received, error };
}

/** Collects all frames of a direction, and then sends on what `attack` makes of them. */
function relayed(attack: (frames: readonly Uint8Array[]) => readonly Uint8Array[]): Rewrite {
  let collected: Uint8Array | undefined = new Uint8Array();
  return (bytes) => {
    if (collected === undefined || (collected.length === 0 && !isFrame(bytes))) return bytes;
    collected = Uint8Array.from([...collected, ...bytes]);
    if (collected.length < MESSAGES * FRAME_BYTES) return new Uint8Array();
    const whole = collected;
    collected = undefined;
    const frames = Array.from(
      { length: MESSAGES },
      (_, i) => whole.slice(i * FRAME_BYTES, (i + 1) * FRAME_BYTES),
    );
    return Uint8Array.from([
      ...attack(frames).flatMap((frame) => [...frame]),
      ...whole.subarray(MESSAGES * FRAME_BYTES),
    ]);
  };
}

/** With other values, and with the checksum of these, which needs no secret. */
function forged(frame: Uint8Array, integrity: Integrity): Uint8Array {
  const other = frame.slice();
  const begin = HEADER_BYTES + (integrity === "keyed" ? 16 : 0);
  other.set(new Uint8Array(new Float32Array(COUNT).fill(666).buffer), begin);
  if (integrity === "checksum") {
    using engine = new Engine(0, 2);
    engine.check(1);
    engine.sumSent(1, other.subarray(begin, begin + 4 * COUNT));
    other.set(engine.trailerOfSent(1), begin + 4 * COUNT);
  }
  return other;
}

/** With the number of another message in its header, and the checksum of that, which needs no secret. */
function numbered(frame: Uint8Array, sequence: number): Uint8Array {
  const other = frame.slice();
  const view = new DataView(other.buffer);
  view.setUint32(16, sequence, true);
  completeHeader(other.subarray(0, HEADER_BYTES), Number(view.getBigUint64(40, true)));
  return other;
}

function isFrame(bytes: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(bytes.subarray(0, 4)) === "MFOP";
}

/** Each rank sums until an error, which is returned. */
async function errorsOf(worlds: readonly World[]): Promise<readonly string[]> {
  return await Promise.all(worlds.map(async ({ group }) => {
    try {
      while (true) await group.allReduce(new Float32Array(COUNT));
    } catch (error) {
      return String(error);
    }
  }));
}

/** Two ranks whose connections pass a proxy. */
async function twoRanks(integrity: Integrity, stallTimeoutMs = 5_000): Promise<{
  readonly worlds: readonly World[];
  readonly proxy: FaultProxy;
  readonly close: () => Promise<void>;
}> {
  const port = freePort();
  const proxy = new FaultProxy(port);
  const job = {
    worldSize: 2,
    host: "127.0.0.1",
    port,
    sameHost: "tcp",
    timeoutMs: 10_000,
    stallTimeoutMs,
    integrity,
  } as const;
  const worlds = await Promise.all([
    World.join({ ...job, rank: 0, advertise: `127.0.0.1:${proxy.port}` }),
    World.join({ ...job, rank: 1, port: proxy.port }),
  ]);
  const close = async () => {
    // Of the messages to the last rank, some are never received, which is an error there.
    await Promise.allSettled(worlds.map((world) => world.close()));
    await proxy[Symbol.asyncDispose]();
  };
  return { worlds, proxy, close };
}
