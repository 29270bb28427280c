// The whole benchmark of training at tiny sizes, over real processes: that it measures, never how fast.

import assert from "node:assert/strict";
import { parseOptions } from "../../bench/train/options.ts";
import { operationsOf, parseShape } from "../../bench/train/shape.ts";
import { wasmLimit } from "../../bench/train/wasm_limit.ts";
import { runBench } from "../support/bench/json_lines.ts";

Deno.test("./run bench train measures products and steps of any mesh, beside a peer that trains the same", async () => {
  const { code, lines, stderr } = await runBench("train", [
    ...["--size", "16", "--shape", "1x16", "--batch", "2", "--context", "8"],
    ...["--mesh", "1x1,1x2", "-n", "2", "--turns", "1", "--peer", "torch,jax-js"],
  ]);
  assert.equal(code, 0, stderr);
  const [machine, product, ...rest] = lines.filter(({ kind }) => kind !== "note");
  assert.equal(machine.kind, "machine");
  assert.equal(product.n, 16);
  for (const column of ["ours (ms)", "GFLOP/s", "limit", "share", "fused", "jax-js / ours"]) {
    assert.ok(Number(product[column]) > 0, column);
  }
  assert.deepEqual(rest.map(({ mesh }) => mesh), ["1 x 1", "1 x 2"]);
  for (const row of rest) {
    // One block: 12 D^2 + 13 D; tables of 256 bytes and 128 positions; the last norm.
    assert.equal(row["parameters (M)"], (12 * 16 ** 2 + 13 * 16 + 384 * 16 + 2 * 16) / 1e6);
    assert.equal(row.tokens, 16);
    for (const column of ["forward", "backward", "update", "tokens/s", "jax-js (ms)"]) {
      assert.ok(Number(row[column]) > 0, column);
    }
    const parts = ["forward", "backward", "exchange", "update"].map((each) => Number(row[each]));
    assert.equal(parts[2] > 0, row.mesh === "1 x 2");
  }
  assert.match(stderr, /torch is left out: \/nowhere\/python has no torch and transformers/);
  assert.ok(lines.every(({ note }) => !String(note).includes("does not train the same")));
});

Deno.test("parseShape() reads sizes and GPT-2's own, and refuses others", () => {
  const { layers, width, heads, vocabulary } = parseShape("2x128");
  assert.deepEqual([layers, width, heads, vocabulary], [2, 128, 2, 256]);
  const whole = parseShape("124M");
  assert.deepEqual([whole.layers, whole.width, whole.heads], [12, 768, 12]);
  // The weights that are multiplied with are 12 L D^2 + V D, 123.5 of 124.4 million.
  const perToken = operationsOf(whole) / (whole.batch * whole.context);
  assert.ok(Math.abs(perToken / 6 - 123.5e6 - 12 * 128 * 768) < 0.1e6);
  assert.throws(() => parseShape("2x"), /"2x" is no shape: give LAYERSxWIDTH/);
});

Deno.test("parseOptions() of the benchmark of training takes lists, and refuses what it does not know", () => {
  const options = parseOptions(["--shape", "1x8,124M", "--mesh", "2x1", "--peer", "torch"]);
  assert.ok(typeof options === "object");
  assert.deepEqual(options.shapes.map(({ name }) => name), ["1x8", "124M"]);
  assert.deepEqual(options.meshes, [{ tensor: 2, zero: 1 }]);
  assert.deepEqual(options.peers, ["torch"]);
});

Deno.test("wasmLimit() counts more operations than one in a nanosecond, fused or not", async () => {
  for (const how of ["plain", "fused"] as const) assert.ok(await wasmLimit(how) > 1);
});
