import assert from "node:assert/strict";
import { tileShape } from "../../../src/device/kernels/tile_shape.ts";

Deno.test("tileShape() gives a GPU tiles of 256 lanes with 4 columns x 8 rows", () => {
  assert.deepEqual(tileShape("webgpu", { rows: 256, cols: 256 }), { tileRows: 64, tileCols: 128 });
});

Deno.test("tileShape() gives a GPU tiles twice as high where a part has many", () => {
  assert.deepEqual(tileShape("webgpu", { rows: 512, cols: 512 }), { tileRows: 128, tileCols: 128 });
});

Deno.test("tileShape() narrows a GPU's tiles where wide ones would be half empty", () => {
  assert.deepEqual(tileShape("webgpu", { rows: 96, cols: 96 }), { tileRows: 256, tileCols: 32 });
  assert.deepEqual(tileShape("webgpu", { rows: 64, cols: 64 }), { tileRows: 128, tileCols: 64 });
  // 120 of 128 is full enough.
  assert.deepEqual(tileShape("webgpu", { rows: 64, cols: 120 }), { tileRows: 64, tileCols: 128 });
});

Deno.test("tileShape() gives a GPU's tiles of few rows more columns", () => {
  assert.deepEqual(tileShape("webgpu", { rows: 1, cols: 4096 }), { tileRows: 8, tileCols: 1024 });
  assert.deepEqual(tileShape("webgpu", { rows: 3, cols: 4096 }), { tileRows: 32, tileCols: 256 });
});

Deno.test("tileShape() gives a part on a GPU at most 64 tiles down and 64 across", () => {
  for (const [rows, cols] of [[50257, 96], [4, 1e6], [1e7, 1], [1, 1e7], [32000, 32000]] as const) {
    const { tileRows, tileCols } = tileShape("webgpu", { rows, cols });
    assert.ok(rows <= 64 * tileRows && cols <= 64 * tileCols, `${rows} x ${cols}`);
  }
});

Deno.test("tileShape() gives tiles also to parts without elements, and even ones to parts that are even", () => {
  for (const kind of ["wasm", "webgpu"] as const) {
    const none = tileShape(kind, { rows: 0, cols: 0 });
    assert.ok(none.tileRows >= 1 && none.tileCols >= 1);
    for (const cols of [2, 6, 50, 514, 1026]) {
      assert.equal(tileShape(kind, { rows: 10, cols }).tileCols % 2, 0);
    }
  }
});
