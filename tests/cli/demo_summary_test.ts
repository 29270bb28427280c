// The demo's summary and the problems that it reports.

import assert from "node:assert/strict";
import { compareLosses, summarize } from "../../src/cli/demo_summary.ts";

const losses = Array.from({ length: 60 }, (_, k) => 5 - k / 60);
const figures = {
  mesh: "4 ranks (2 x 2)",
  differences: compareLosses(losses, losses),
  heldOutBefore: 5.5,
  heldOutAfter: 1.7,
  order2Loss: 1.85,
  isDefault: true,
  device: "wasm: CPU",
};

Deno.test("compareLosses() compares the first 50 steps, and reports the difference over all steps", () => {
  const others = losses.map((loss, k) => k === 3 ? loss * 1.001 : k === 55 ? loss * 1.1 : loss);
  const { numCompared, early, all, steps } = compareLosses(losses, others);
  assert.deepEqual([numCompared, steps], [50, 60]);
  assert.ok(Math.abs(early - 0.001) < 1e-5);
  assert.ok(Math.abs(all - 0.1) < 0.01);
  assert.equal(compareLosses(losses.slice(0, 9), others).numCompared, 9);
});

Deno.test("a demo whose losses agree and that beats the baseline reports no problem", () => {
  const { lines, problems } = summarize(figures);
  assert.deepEqual(problems, []);
  assert.deepEqual(lines, [
    "held-out loss 5.500 -> 1.700, below the order-2 byte model's 1.850",
    "demo: 4 ranks (2 x 2) vs 1 rank: largest relative loss difference 0.0e+0 over the first 50 steps, 0.0e+0 over all 60; " +
    "held-out loss 5.500 -> 1.700; device wasm",
  ]);
});

Deno.test("a demo reports different losses on a mesh, a model that learns nothing, and one that does not beat the baseline", () => {
  const summaryOf = (changes: Partial<typeof figures>) => summarize({ ...figures, ...changes });
  const differences = { numCompared: 50, early: 2e-4, all: 2e-4, steps: 60 };
  assert.match(summaryOf({ differences }).problems.join(), /^the mesh changes the training/);
  const nan = { ...differences, early: NaN };
  assert.match(summaryOf({ differences: nan }).problems.join(), /^the mesh changes the training/);
  assert.match(
    summaryOf({ heldOutAfter: 5.5, isDefault: false }).problems.join(),
    /^the model learns nothing/,
  );
  assert.match(
    summaryOf({ heldOutAfter: 1.85 }).problems.join(),
    /^the model learns no more than counting/,
  );
});

Deno.test("with fewer steps or another text the baseline may be better, and the demo says why", () => {
  const { lines, problems } = summarize({ ...figures, heldOutAfter: 1.9, isDefault: false });
  assert.deepEqual(problems, []);
  assert.match(lines[0], /not below the order-2 byte model's 1.850: fewer steps or another text/);
});
