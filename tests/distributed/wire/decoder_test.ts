// Hostile and damaged streams of messages, frames and handshakes are refused with a typed error. No other error is thrown,
// nothing is accepted, and no memory is allocated for a length that was not checked.

import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  decodeHeader,
  encodeHeader,
  FrameError,
  HEADER_BYTES,
} from "../../../src/distributed/wire/frame.ts";
import {
  authenticateDialer,
  AuthenticationError,
  importSecret,
} from "../../../src/distributed/wire/handshake.ts";
import {
  type ControlMessage,
  encodeMessage,
  MAX_MESSAGE_BYTES,
  PREFIX_BYTES,
  readMessage,
} from "../../../src/distributed/wire/control_message.ts";
import { MessageSums } from "../../../src/distributed/wire/session.ts";
import {
  Connection,
  ConnectionClosedError,
  type Socket,
} from "../../../src/distributed/wire/transport.ts";

const SEED = 20_000;
/** Short reads go through a buffer, which is not longer than this. */
const READ_AHEAD_BYTES = 64 << 10;
const address = { hostname: "10.0.0.1", port: 29500 };
const CORPUS: readonly ControlMessage[] = [
  { kind: "hello", purpose: "join", rank: 1, to: 0, worldSize: 2, address, group: "" },
  { kind: "welcome" },
  { kind: "refused", reason: "no" },
  { kind: "waiting", missing: [1, 2, 3] },
  { kind: "table", addresses: [address, { ...address, path: "\0name" }] },
  {
    kind: "abort",
    origin: 1,
    rank: 3,
    message: "gone",
    group: [0, 3],
    op: "barrier",
    sequence: 7,
    bytesDone: 1,
    bytesExpected: 2,
  },
  { kind: "bye" },
  { kind: "beat" },
  { kind: "where", question: 1, group: "ff", sequence: 2 },
  { kind: "here", question: 1, state: "moving", waitingFor: 2, group: "ff", sequence: 2 },
];

/** Damage in transit; it always changes the bytes. */
const damaged: fc.Arbitrary<(bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>> = fc.oneof(
  // Truncated.
  fc.nat().map((at) => (bytes: Uint8Array<ArrayBuffer>) => bytes.slice(0, at % bytes.length)),
  // One bit flipped.
  fc.nat().map((at) => (bytes: Uint8Array<ArrayBuffer>) =>
    bytes.map((byte, i) => i === (at >> 3) % bytes.length ? byte ^ 1 << (at & 7) : byte)
  ),
  // A length that does not match the bytes after it.
  fc.integer({ min: 1, max: 2 ** 32 - 1 }).map((more) => (bytes: Uint8Array<ArrayBuffer>) => {
    const lying = bytes.slice();
    const view = new DataView(lying.buffer);
    view.setUint32(0, view.getUint32(0, true) + more, true);
    return lying;
  }),
  // Other bytes.
  fc.uint8Array({ maxLength: 300 }).map((other) => () => new Uint8Array(other)),
);

Deno.test("a damaged message is refused with a typed error, and no memory is allocated for an unchecked length", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...CORPUS),
      damaged,
      fc.constantFrom(1024, MAX_MESSAGE_BYTES),
      fc.integer({ min: 1, max: 50 }),
      async (message, damage, maxBytes, longest) => {
        const { connection, largestRead } = streamOf(damage(encodeMessage(message)), longest);
        await rejects(readMessage(connection, maxBytes), isRefusal);
        ok(largestRead() <= Math.max(maxBytes, READ_AHEAD_BYTES), `${largestRead()} bytes`);
      },
    ),
    { seed: SEED, numRuns: 3000 },
  );
});

Deno.test("of messages with keyed sums, none that was damaged, repeated, left out or moved is accepted", async () => {
  const key = new Uint8Array(32).fill(9);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...CORPUS), { minLength: 2, maxLength: 5 }),
      fc.nat(),
      fc.constantFrom("damage", "repeat", "leave out", "move", "reflect"),
      damaged,
      fc.integer({ min: 1, max: 50 }),
      async (messages, at, how, damage, longest) => {
        const sums = new MessageSums(key);
        const whole = messages.map((message) => encodeMessage(message, sums));
        const place = at % (whole.length - 1);
        const [one, other] = whole.splice(place, 2);
        const changed = {
          damage: [damage(one), other],
          repeat: [one, one],
          "leave out": [other],
          move: [other, one],
          // With the key of the other direction.
          reflect: [encodeMessage(messages[place], new MessageSums(key.with(0, 1)))],
        };
        whole.splice(place, 0, ...changed[how]);
        const stream = Uint8Array.from(whole.flatMap((bytes) => [...bytes]));
        const { connection, largestRead } = streamOf(stream, longest);
        const received = new MessageSums(key);
        connection.session = { frames: new Uint8Array(64), sent: sums, received };
        const right = how === "repeat" ? place + 1 : place;
        for (let i = 0; i < right; i++) deepEqual(await readMessage(connection), messages[i]);
        await rejects(readMessage(connection), isRefusal);
        ok(largestRead() <= READ_AHEAD_BYTES, `${largestRead()} bytes`);
      },
    ),
    { seed: SEED, numRuns: 1000 },
  );
});

Deno.test("a message of the longest length is read, and a longer one is refused before it is read", async () => {
  const reason = "x".repeat(1000);
  const whole = encodeMessage({ kind: "refused", reason });
  const maxBytes = whole.length - PREFIX_BYTES;
  equal((await readMessage(streamOf(whole, 99).connection, maxBytes)).kind, "refused");
  const { connection, largestRead, bytesLeft } = streamOf(whole, PREFIX_BYTES);
  await rejects(
    readMessage(connection, maxBytes - 1),
    new RegExp(`${maxBytes} bytes, at most ${maxBytes - 1} are allowed`),
  );
  equal(bytesLeft(), maxBytes, "nothing after the prefix was read");
  ok(largestRead() <= READ_AHEAD_BYTES);
});

Deno.test("a damaged header is refused with a typed error, for any numbers in it", () => {
  const header = new Uint8Array(HEADER_BYTES);
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), damaged, (count, payloadBytes, damage) => {
      encodeHeader({
        op: "allReduce",
        dtype: "f32",
        algorithm: "ring",
        reduction: "sum",
        group: 7n,
        sequence: 1,
        root: 0,
        count,
        countsDigest: 0,
        label: "weight",
        payloadBytes,
      }, header);
      throws(() => decodeHeader(damage(header.slice())), FrameError);
    }),
    { seed: SEED, numRuns: 3000 },
  );
});

Deno.test("a peer without a valid proof is not authenticated, and no more than a hello is read", async () => {
  const key = await importSecret("right");
  const magic = [...new TextEncoder().encode("MESHFCT2")];
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.uint8Array({ maxLength: 3000 }),
      fc.integer({ min: 1, max: 500 }),
      async (isPolite, bytes, longest) => {
        const said = Uint8Array.from([...(isPolite ? magic : []), ...bytes]);
        const { connection, bytesLeft } = streamOf(said, longest);
        await rejects(authenticateDialer(connection, key), isRefusal);
        const most = magic.length + 1 + 32 + 32 + PREFIX_BYTES + 1024;
        ok(said.length - bytesLeft() <= most + longest, "no more than a hello was taken");
      },
    ),
    { seed: SEED, numRuns: 500 },
  );
});

function isRefusal(error: unknown): boolean {
  return error instanceof FrameError || error instanceof ConnectionClosedError ||
    error instanceof AuthenticationError;
}

/** A connection that delivers `bytes`, at most `longest` at a time, and then ends. */
function streamOf(bytes: Uint8Array, longest: number): {
  readonly connection: Connection;
  readonly largestRead: () => number;
  readonly bytesLeft: () => number;
} {
  let [at, largest] = [0, 0];
  const none = { transport: "tcp", hostname: "", port: 0 } as const;
  const socket: Socket = {
    read(target) {
      largest = Math.max(largest, target.length);
      const part = bytes.subarray(at, at + Math.min(longest, target.length));
      target.set(part);
      at += part.length;
      return Promise.resolve(part.length === 0 ? null : part.length);
    },
    write: (sent) => Promise.resolve(sent.length),
    close() {},
    closeWrite: () => Promise.resolve(),
    ref() {},
    unref() {},
    localAddr: none,
    remoteAddr: none,
  };
  return {
    connection: new Connection(socket),
    largestRead: () => largest,
    bytesLeft: () => bytes.length - at,
  };
}
