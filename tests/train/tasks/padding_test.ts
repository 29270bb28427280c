import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { paddedLength, paddedRows, paddingMask } from "../../../src/train/tasks/padding.ts";

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
