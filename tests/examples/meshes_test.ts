// Examples that run on several ranks: the same losses on any number of them, also if a training goes on on another mesh.

import assert from "node:assert/strict";
import { runExample } from "../support/run_example.ts";
import { withFolder } from "../support/temporary_folder.ts";

/** Losses by step, as rank 0 prints them. */
function lossesOf(lines: readonly string[]): Map<number, number> {
  const found = lines.map((line) => /^\[rank 0\] step (\d+): loss (.+)$/.exec(line)!);
  return new Map(found.map(([, step, loss]) => [Number(step), Number(loss)]));
}

function assertSame(got: Map<number, number>, wanted: Map<number, number>): void {
  assert.deepEqual([...got.keys()], [...wanted.keys()]);
  for (const [step, loss] of wanted) {
    assert.ok(
      Math.abs(got.get(step)! - loss) < 5e-5,
      `step ${step}: ${got.get(step)}, not ${loss}`,
    );
  }
}

Deno.test("examples/split_block.ts has the same losses on one rank and on two", async () => {
  const one = lossesOf(await runExample("split_block.ts", [], { ranks: 1 }));
  assert.equal(one.size, 20);
  assert.ok(one.get(20)! < 0.5 * one.get(1)!, [...one.values()].join());
  assertSame(lossesOf(await runExample("split_block.ts", [], { ranks: 2 })), one);
});

Deno.test("examples/other_mesh.ts goes on on another mesh with the losses of one", async () => {
  await withFolder(async (folder) => {
    const train = async (ranks: number, ...args: string[]) =>
      lossesOf(await runExample("other_mesh.ts", args, { ranks }));
    const whole = await train(1, "--folder", `${folder}/whole`, "--until", "10");
    assert.ok(whole.get(10)! < whole.get(1)! - 0.2, [...whole.values()].join());
    const parts = ["--folder", `${folder}/parts`, "--until"];
    const begun = await train(2, ...parts, "5", "--tensor", "2");
    const goneOn = await train(2, ...parts, "10");
    assert.deepEqual([...goneOn.keys()], [6, 7, 8, 9, 10]);
    assertSame(new Map([...begun, ...goneOn]), whole);
  });
});
