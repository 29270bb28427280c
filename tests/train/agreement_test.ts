// What ranks must have in common.

import assert from "node:assert/strict";
import { requireAgreement } from "../../src/train/agreement.ts";
import { inProcessRanks } from "../support/distributed/in_process_ranks.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("requireAgreement() accepts ranks with the same bytes", async () => {
  await inProcessRanks(
    3,
    ({ group }) => requireAgreement(group, { text: bytes("same"), options: bytes("") }),
  );
});

Deno.test("requireAgreement() names what differs and the ranks, on every rank", async () => {
  const errors = await inProcessRanks(3, async ({ group, rank }) => {
    const parts = { text: bytes("same"), options: bytes(rank === 1 ? "other" : "ours") };
    return await requireAgreement(group, parts).then(() => "", (error) => error.message);
  });
  assert.equal(new Set(errors).size, 1);
  assert.match(errors[0], /Cannot train as rank 1 has another options than rank 0/);
});
