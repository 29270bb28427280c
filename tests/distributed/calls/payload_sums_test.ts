// Sums of messages over a plain network: damaged payload is never returned. (Collectives: fault_matrix_test.ts and
// network_faults_test.ts; the checksum itself: rust_collectives/tests/checksums.rs.)

import { equal, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { Engine } from "../../../src/distributed/calls/engine.ts";
import { PeerLostError } from "../../../src/distributed/failures/failure.ts";
import { HEADER_BYTES } from "../../../src/distributed/wire/frame.ts";
import type { ProcessGroup } from "../../../src/distributed/group.ts";
import { assertOtherBits, assertSameBits } from "../../support/assert_same_bits.ts";
import {
  type Fault,
  simulateGroup,
  type SimulationOptions,
} from "../../support/distributed/simulated_group.ts";
import { INTEGRITIES } from "../../../src/distributed/wire/session.ts";

Deno.test("a message damaged at any byte is an error that names its sender, and is never returned", async () => {
  for (const integrity of INTEGRITIES) {
    const job = { size: 2, transport: "tcp", integrity } as const;
    const whole = await simulateGroup({ ...job, seed: 1 }, message);
    // A checksum after the payload, or keyed sums after header and payload.
    equal(whole.bytes[0][1], HEADER_BYTES + 4 * LENGTH + 32);
    for (let after = 0; after < whole.bytes[0][1]; after++) {
      const error = await damaged(job, { after });
      match(error, integrity === "keyed" ? /keyed sum of a (header|payload)/ : /invalid bytes/);
    }
  }
});

Deno.test("a flip of any bit of a frame with keyed sums is an error that names the connection", async () => {
  const job = { size: 2, transport: "tcp" } as const;
  const whole = await simulateGroup({ ...job, seed: 1 }, message);
  for (let bit = 0; bit < 8 * whole.bytes[0][1]; bit++) {
    const error = await damaged(job, { after: bit >> 3, mask: 1 << (bit & 7) });
    match(
      error,
      /rank 1 received what rank 0 did not send in \w+ 0 .* on the connection \S+ - \S+: /i,
    );
  }
});

Deno.test("checksums match although results overwrite values before the end of their write is reported", async () => {
  for (const allReduce of ["one-shot", "two-shot", "ring"] as const) {
    for (let seed = 0; seed < 20; seed++) {
      const size = 2 + seed % 3;
      // Too long for one write with the header, so it is written from the values themselves.
      const count = 60_000 + seed;
      const { outcomes } = await simulateGroup({
        size,
        seed,
        transport: "tcp",
        algorithms: { allReduce },
        longest: 70_000,
        capacity: 150_000,
      }, async (group) => {
        const values = Float32Array.from({ length: count }, (_, i) => (group.rank + 1) * (i % 99));
        await group.allReduce(values);
        return values;
      });
      const sum = size * (size + 1) / 2;
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") throw outcome.reason;
        ok(outcome.status === "fulfilled");
        ok(outcome.value.every((value, i) => value === sum * (i % 99)), `${allReduce} ${seed}`);
      }
    }
  }
});

Deno.test("checksums detect every flipped bit and every swap of two different words of 16 bytes", () => {
  using engine = new Engine(0, 2);
  engine.check(1);
  const sums = (bytes: Uint8Array) => {
    engine.sumSent(1, bytes);
    return engine.trailerOfSent(1).slice();
  };
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 400 }),
      fc.nat(),
      fc.nat(),
      fc.nat({ max: 7 }),
      (bytes, one, other, bit) => {
        const whole = sums(bytes);
        assertSameBits(sums(bytes.slice()), whole);
        const flipped = bytes.slice();
        flipped[one % bytes.length] ^= 1 << bit;
        assertOtherBits(sums(flipped), whole);
        const numWords = bytes.length >> 4;
        const [a, b] = [16 * (one % numWords), 16 * (other % numWords)];
        const swapped = bytes.slice();
        swapped.set(bytes.subarray(a, a + 16), b);
        swapped.set(bytes.subarray(b, b + 16), a);
        if (swapped.some((byte, i) => byte !== bytes[i])) assertOtherBits(sums(swapped), whole);
      },
    ),
    { numRuns: 2000 },
  );
});

/** The error on both ranks where a byte from rank 0 to rank 1 is changed. */
async function damaged(
  job: Omit<SimulationOptions, "seed">,
  fault: Pick<Fault, "after" | "mask">,
): Promise<string> {
  const faults = [{ kind: "damage", from: 0, to: 1, ...fault }] as const;
  const { outcomes } = await simulateGroup({ ...job, seed: fault.after, faults }, async (group) => {
    await message(group);
    await group.barrier();
  });
  const errors = outcomes.map((outcome) => {
    if (outcome.status !== "rejected") throw new Error(`byte ${fault.after}: ${outcome.status}`);
    ok(outcome.reason instanceof PeerLostError, String(outcome.reason));
    equal(outcome.reason.rank, 0);
    return outcome.reason.message;
  });
  equal(errors[0], errors[1]);
  return errors[0];
}

/** Rank 0 sends to rank 1. */
async function message(group: ProcessGroup): Promise<void> {
  const values = Float32Array.from({ length: LENGTH }, (_, i) => i + 1);
  if (group.rank === 0) return await group.send(values, 1);
  const into = new Float32Array(LENGTH);
  await group.receive(into, 0);
  assertSameBits(into, values);
}

const LENGTH = 7;
