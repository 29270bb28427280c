import assert from "node:assert/strict";
import { launchLocalRanks } from "../../src/distributed/launcher/local_ranks.ts";

interface Output {
  readonly losses: readonly number[];
  readonly heldOutBefore: number;
  readonly heldOutAfter: number;
}

async function train(tensor: number, zero: number): Promise<Output> {
  const lines: string[] = [];
  const { failure } = await launchLocalRanks({
    ranks: tensor * zero,
    script: new URL("./programs/train_gpt2.ts", import.meta.url).href,
    args: [String(tensor), String(zero)],
    onLine: ({ stream, text }) => {
      if (stream === "stdout") lines.push(text);
    },
  });
  assert.equal(failure, undefined, failure?.stderr.join("\n"));
  assert.equal(lines.length, 1);
  return JSON.parse(lines[0]);
}

Deno.test("losses of a small GPT-2 on every mesh of processes equal one rank's over 50 steps", async (t) => {
  const one = await train(1, 1);
  assert.equal(one.losses.length, 50);
  assert.ok(
    one.heldOutAfter < 0.6 * one.heldOutBefore,
    `${one.heldOutBefore} -> ${one.heldOutAfter}`,
  );
  for (const [tensor, zero] of [[2, 1], [1, 2], [2, 2], [4, 1], [1, 4], [3, 1], [1, 3]]) {
    await t.step(`tensor ${tensor} x ZeRO ${zero}`, async () => {
      const { losses, heldOutAfter } = await train(tensor, zero);
      assert.equal(losses.length, 50);
      for (const [k, loss] of losses.entries()) {
        const difference = Math.abs(loss / one.losses[k] - 1);
        assert.ok(difference <= 1e-4, `step ${k + 1}: ${loss} and ${one.losses[k]}`);
      }
      assert.ok(Math.abs(heldOutAfter / one.heldOutAfter - 1) <= 1e-4);
    });
  }
});
