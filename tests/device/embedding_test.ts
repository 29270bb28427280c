import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm.ts";
import { judgeKernel } from "./judged_kernel.ts";

// [count, width, numRows]: many tokens on few rows, so that gradients add up.
const SIZES = [[0, 5, 3], [1, 1, 1], [7, 3, 11], [65, 63, 2], [64, 16, 256], [131, 65, 5]] as const;

judgeKernel("embedding", {
  tolerance: {},
  cases: (random) =>
    SIZES.map(([count, width, numRows]) => ({
      operands: {
        table: random.signed(numRows * width),
        indices: random.indices(count, numRows),
        out: random.signed(count * width),
      },
      params: { count, width, numRows },
    })),
});

judgeKernel("embedding_backward", {
  tolerance: { ofLargest: 2e-6 },
  cases: (random) =>
    SIZES.map(([count, width, numRows]) => ({
      operands: {
        indices: random.indices(count, numRows),
        dy: random.signed(count * width),
        dtable: random.signed(numRows * width),
      },
      params: { count, width, numRows },
    })),
});

Deno.test("embedding_backward on wasm refuses an index beyond the table and writes nothing", async () => {
  using device = wasmDevice();
  using indices = device.allocate(8);
  using dy = device.allocate(8);
  using dtable = device.allocate(12);
  device.write(indices, Uint32Array.of(2, 3));
  device.write(dy, Float32Array.of(1, 1));
  device.write(dtable, Float32Array.of(5, 6, 7));
  assert.throws(
    () =>
      device.run("embedding_backward", { indices, dy, dtable }, { count: 2, width: 1, numRows: 3 }),
    /embedding_backward: wanted indices below 3, got 3/,
  );
  assert.deepEqual(
    new Float32Array((await device.read(dtable)).buffer),
    Float32Array.of(5, 6, 7),
  );
});
