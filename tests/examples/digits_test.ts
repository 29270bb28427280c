// examples/digits_mlp.ts and digits_cnn.ts: how many digits they tell apart, and that convolutions do it better.

import assert from "node:assert/strict";
import { inspectFile } from "../../src/checkpoint/safetensors.ts";
import { runExample } from "../support/run_example.ts";
import { withFolder } from "../support/temporary_folder.ts";

/** Percent of the last line, after losses that fell. */
function accuracyOf(lines: readonly string[]): number {
  const losses = lines.slice(0, -1).map((line) => Number(/^step \d+: loss (.+)$/.exec(line)![1]));
  assert.ok(losses.length >= 5 && losses.at(-1)! < 0.5 * losses[0], lines.join("\n"));
  return Number(/^accuracy on 1000 other digits: ([\d.]+) %$/.exec(lines.at(-1)!)![1]);
}

Deno.test("examples of digits learn to tell them apart, and convolutions do it better", async () => {
  await withFolder(async (folder) => {
    const mlp = accuracyOf(await runExample("digits_mlp.ts"));
    const saved = `${folder}/digits.safetensors`;
    const cnn = accuracyOf(await runExample("digits_cnn.ts", ["--save", saved]));
    assert.ok(mlp > 85 && cnn > 93 && cnn > mlp, `MLP ${mlp} %, CNN ${cnn} %`);
    const { tensors } = await inspectFile(saved);
    assert.deepEqual(tensors.get("second.weight")?.shape, [32, 16, 3, 3]);
    assert.ok(tensors.has("norm.runningMean"), [...tensors.keys()].join());
  });
});
