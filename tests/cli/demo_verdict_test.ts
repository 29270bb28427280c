// What the demo calls wrong.

import assert from "node:assert/strict";
import { differencesOf, judge } from "../../src/cli/demo_verdict.ts";

const losses = Array.from({ length: 60 }, (_, k) => 5 - k / 60);
const figures = {
  mesh: "4 ranks (2 x 2)",
  differences: differencesOf(losses, losses),
  heldOutBefore: 5.5,
  heldOutAfter: 1.7,
  order2Loss: 1.85,
  isDefault: true,
  device: "wasm: CPU",
};

Deno.test("differencesOf() judges the first 50 steps, and tells what all steps differ by", () => {
  const others = losses.map((loss, k) => k === 3 ? loss * 1.001 : k === 55 ? loss * 1.1 : loss);
  const { judged, early, all, steps } = differencesOf(losses, others);
  assert.deepEqual([judged, steps], [50, 60]);
  assert.ok(Math.abs(early - 0.001) < 1e-5);
  assert.ok(Math.abs(all - 0.1) < 0.01);
  assert.equal(differencesOf(losses.slice(0, 9), others).judged, 9);
});

Deno.test("a demo whose losses agree and that does better than counting has nothing wrong", () => {
  const { lines, complaints } = judge(figures);
  assert.deepEqual(complaints, []);
  assert.deepEqual(lines, [
    "held-out loss 5.500 -> 1.700, below the order-2 byte model's 1.850",
    "demo: 4 ranks (2 x 2) vs 1 rank: largest relative loss difference 0.0e+0 over the first 50 steps, 0.0e+0 over all 60; " +
    "held-out loss 5.500 -> 1.700; device wasm",
  ]);
});

Deno.test("a demo complains of other losses on a mesh, of learning nothing, and of no more than counting", () => {
  const complain = (changes: Partial<typeof figures>) => judge({ ...figures, ...changes });
  const differences = { judged: 50, early: 2e-4, all: 2e-4, steps: 60 };
  assert.match(complain({ differences }).complaints.join(), /^the mesh changes the training/);
  const nan = { ...differences, early: NaN };
  assert.match(complain({ differences: nan }).complaints.join(), /^the mesh changes the training/);
  assert.match(
    complain({ heldOutAfter: 5.5, isDefault: false }).complaints.join(),
    /^the model learns nothing/,
  );
  assert.match(
    complain({ heldOutAfter: 1.85 }).complaints.join(),
    /^the model learns no more than counting/,
  );
});

Deno.test("with fewer steps or another text counting may do better, and the demo says why", () => {
  const { lines, complaints } = judge({ ...figures, heldOutAfter: 1.9, isDefault: false });
  assert.deepEqual(complaints, []);
  assert.match(lines[0], /not below the order-2 byte model's 1.850: fewer steps or another text/);
});
