// The whole benchmark of the optimizer at small sizes: that it measures, never how fast.

import assert from "node:assert/strict";
import { parseOptions, PARTS } from "../../bench/optimizer/options.ts";
import { average, median } from "../../bench/optimizer/timing.ts";
import { runBench } from "../support/bench/json_lines.ts";

Deno.test("./run bench optimizer measures one device, the original's table and scale", async () => {
  const { code, lines, stderr } = await runBench("optimizer", [
    ...["--part", "device,table,scale", "--size", "32", "-n", "2", "--turns", "1"],
    ...["--ranks", "2", "--largest", "10000", "--dtype", "f32"],
  ]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(lines.map(({ kind }) => kind), [
    "machine",
    "one step, 32 x 32, medians",
    "the original's table, 32 x 32, medians of a step",
    "scale, f32, one square matrix, medians",
  ]);
  const [, device, table, scale] = lines;
  for (const column of ["ours (ms)", "GB/s", "copy (GB/s)", "share"]) {
    assert.ok(Number(device[column]) > 0, column);
  }
  for (const column of ["base (ms)", "column (ms)", "row (ms)", "busy (ms)", "row busy (ms)"]) {
    assert.ok(Number(table[column]) > 0, column);
  }
  assert.equal(table["original's"], 1.39);
  assert.equal(scale.elements, 10_000);
  // 100 rows, 100 columns and their mean, in f32.
  assert.equal(scale["state (KiB)"], 4 * 201 / 1024);
  assert.ok(Number(scale["peak (KiB)"]) >= Number(scale["held (KiB)"]));
});

Deno.test("parseOptions() of the optimizer's benchmark takes lists, and refuses what it does not know", () => {
  const options = parseOptions([]);
  assert.ok(typeof options === "object");
  assert.deepEqual([options.parts, options.ranks, options.size], [PARTS, [2, 4, 8], 4096]);
  const some = parseOptions(["--part", "scale,table", "--dtype", "bf16", "--peer", "torch"]);
  assert.ok(typeof some === "object");
  assert.deepEqual([some.parts, some.dtypes, some.peer], [["scale", "table"], ["bf16"], "torch"]);
});

Deno.test("medians and averages are of all values", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(average([1, 2, 6]), 3);
});
