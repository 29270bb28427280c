// examples/typed_arrays.ts finds the weights that made its data.

import assert from "node:assert/strict";
import { runExample } from "../support/run_example.ts";

Deno.test("examples/typed_arrays.ts solves least squares by its own gradients", async () => {
  const losses = (await runExample("typed_arrays.ts")).map((line) =>
    Number(/^step \d+: loss (.+)$/.exec(line)![1])
  );
  assert.equal(losses.length, 5);
  assert.ok(losses.at(-1)! < 1e-6, losses.join());
});
