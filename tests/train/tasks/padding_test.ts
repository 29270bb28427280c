import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { paddedLength, paddedRows, paddingMask } from "../../../src/train/tasks/padding.ts";
import { TokenRowsBuilder } from "../../../src/train/tasks/token_rows.ts";

Deno.test("lengths are rounded up by an eighth or 7 at most, to few lengths, and never past the most", () => {
  const lengths = Array.from({ length: 4096 }, (_, k) => k + 1);
  const padded = lengths.map((each) => paddedLength(each, 4096));
  lengths.forEach((length, k) => {
    assert.ok(padded[k] >= length && padded[k] - length <= Math.max(7, length / 8));
    if (k > 0) assert.ok(padded[k] >= padded[k - 1]);
  });
  assert.ok(new Set(padded).size <= 60, `${new Set(padded).size} lengths`);
  assert.equal(paddedLength(510, 512), 512);
  assert.equal(paddedLength(100, 100), 100);
  assert.deepEqual([1, 8, 9, 65, 129].map((each) => paddedLength(each, 999)), [8, 8, 16, 72, 144]);
});

Deno.test("rows of unlike lengths become a tensor and its mask", async () => {
  using device = wasmDevice();
  using rows = paddedRows(device, [[1, 2, 3], [4]], { length: 4, fill: 9 });
  using mask = paddingMask(device, [[1, 2, 3], [4]], { length: 4 });
  assert.deepEqual([...await rows.data()], [1, 2, 3, 9, 4, 9, 9, 9]);
  assert.deepEqual([...await mask.data()], [1, 1, 1, 0, 1, 0, 0, 0]);
});

Deno.test("rows are kept as they were added; equal rows have equal digests, other divisions others", async () => {
  const builder = new TokenRowsBuilder();
  const long = Array.from({ length: 3000 }, (_, k) => k);
  for (const row of [[7], [], long, [2 ** 32 - 1, 1]]) builder.add(row);
  const all = builder.rows();
  assert.deepEqual([0, 1, 3].map((k) => [...all.row(k)]), [[7], [], [2 ** 32 - 1, 1]]);
  assert.deepEqual([...all.row(2)], long);
  const tail = builder.rows(2, 4);
  assert.equal(tail.length, 2);
  assert.deepEqual([...tail.row(1)], [2 ** 32 - 1, 1]);
  const other = new TokenRowsBuilder();
  for (const row of [long, [2 ** 32 - 1, 1]]) other.add(row);
  assert.equal(await tail.digest(), await other.rows().digest());
  const shifted = new TokenRowsBuilder();
  for (const row of [[...long, 2 ** 32 - 1], [1]]) shifted.add(row);
  assert.notEqual(await shifted.rows().digest(), await other.rows().digest());
});
