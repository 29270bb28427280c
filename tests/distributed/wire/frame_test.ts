// Frames and messages are decoded as they were encoded, and all other bytes are refused.

import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { ALGORITHM_NAMES } from "../../../src/distributed/wire/algorithms.ts";
import { ELEMENT_TYPES, OPS, REDUCTIONS } from "../../../src/distributed/wire/call_kind.ts";
import {
  decodeHeader,
  difference,
  digestCounts,
  encodeHeader,
  FrameError,
  groupId,
  type Header,
  HEADER_BYTES,
} from "../../../src/distributed/wire/frame.ts";
import {
  type ControlMessage,
  decodeMessage,
  encodeMessage,
  PREFIX_BYTES,
} from "../../../src/distributed/wire/control_message.ts";

const header: fc.Arbitrary<Header> = fc.record({
  op: fc.constantFrom(...OPS),
  dtype: fc.constantFrom(...ELEMENT_TYPES),
  algorithm: fc.constantFrom(...ALGORITHM_NAMES),
  reduction: fc.constantFrom(...REDUCTIONS),
  group: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  sequence: fc.nat({ max: 2 ** 32 - 1 }),
  root: fc.nat({ max: 2 ** 32 - 1 }),
  count: fc.maxSafeNat(),
  countsDigest: fc.nat({ max: 2 ** 32 - 1 }),
  label: fc.string({ maxLength: 60 }).filter((label) => !label.includes("\0")),
  payloadBytes: fc.maxSafeNat(),
});

Deno.test("a header is decoded as it was encoded", () => {
  fc.assert(fc.property(header, (written) => {
    const bytes = new Uint8Array(HEADER_BYTES);
    encodeHeader(written, bytes);
    deepEqual(decodeHeader(bytes), written);
  }));
});

Deno.test("any bytes that are not a header are refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      throws(() => decodeHeader(bytes), FrameError);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a header with any byte changed is refused, as damaged if it begins like one", () => {
  fc.assert(
    fc.property(
      header,
      fc.nat({ max: HEADER_BYTES - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (sent, position, mask) => {
        const bytes = new Uint8Array(HEADER_BYTES);
        encodeHeader(sent, bytes);
        bytes[position] ^= mask;
        throws(() => decodeHeader(bytes), position < 5 ? FrameError : /damaged in transit/);
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("the difference of two calls has each differing field on each rank", () => {
  const [sent] = fc.sample(header, { numRuns: 1, seed: 1 });
  equal(difference({ rank: 0, header: sent }, { rank: 1, header: { ...sent } }), undefined);
  match(
    difference(
      { rank: 0, header: { ...sent, count: 10 } },
      { rank: 4, header: { ...sent, count: 11 } },
    ) ?? "",
    /^count 10 on rank 0 and 11 on rank 4$/,
  );
});

Deno.test("a message is decoded as it was encoded", () => {
  const address = { hostname: "10.0.0.1", port: 1234 };
  const messages: ControlMessage[] = [
    { kind: "hello", purpose: "join", rank: 1, to: 0, worldSize: 2, address, group: "" },
    { kind: "welcome" },
    { kind: "refused", reason: 'a "reason"\n' },
    { kind: "waiting", missing: [1, 2] },
    { kind: "table", addresses: [address, address] },
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
  for (const message of messages) {
    deepEqual(decodeMessage(encodeMessage(message).slice(PREFIX_BYTES)), message);
  }
});

Deno.test("any bytes and JSON that are not a message are refused", () => {
  const refuse = (body: Uint8Array) => throws(() => decodeMessage(body), FrameError);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refuse));
  fc.assert(fc.property(fc.json(), (json) => refuse(new TextEncoder().encode(json))));
  const kinds = fc.constantFrom("hello", "refused", "waiting", "table", "abort", "where", "here");
  fc.assert(
    fc.property(kinds, fc.dictionary(fc.string(), fc.jsonValue()), (kind, fields) => {
      refuse(new TextEncoder().encode(JSON.stringify({ ...fields, kind })));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("extra fields and prototype tricks in a message are dropped", () => {
  const body = new TextEncoder().encode('{"kind":"bye","__proto__":{"polluted":1},"more":2}');
  deepEqual(decodeMessage(body), { kind: "bye" });
  equal(Reflect.get({}, "polluted"), undefined);
  throws(
    () => decodeMessage(new TextEncoder().encode('{"__proto__":{"kind":"bye"}}')),
    /lacks kind/,
  );
});

Deno.test("groups of other ranks, in another order or created again have different ids", () => {
  const ids = [
    groupId([0, 1], 0),
    groupId([1, 0], 0),
    groupId([0, 1], 1),
    groupId([0, 1, 2], 0),
    groupId([0], 0),
    groupId([0, 1, 0], 0),
  ];
  equal(new Set(ids).size, ids.length);
  equal(groupId([0, 1], 0), ids[0]);
  ok(digestCounts([1, 2, 3]) !== digestCounts([2, 1, 3]));
});
