import assert from "node:assert/strict";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { placesOf } from "../../../src/ops/index_select.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { decode, encode } from "../../reference/cast.ts";
import { embedding, embeddingBackward, indexAdd } from "../../reference/embedding.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { checkKernel } from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

// [count, width, numRows]: many tokens on few rows, so that gradients add up.
const SIZES = [[0, 5, 3], [1, 1, 1], [7, 3, 11], [65, 63, 2], [64, 16, 256], [131, 65, 5]] as const;

checkKernel("embedding", {
  reference: embedding,
  tolerance: {},
  cases: (random) =>
    SIZES.map(([count, width, numRows]) => ({
      operands: {
        table: random.signed(numRows * width),
        indices: someWithoutRow(random.indices(count, numRows)),
        out: random.signed(count * width),
      },
      params: { count, width, numRows, tableType: storageTypes.f32 },
    })),
});

for (const type of ["f16", "bf16"] as const) {
  const tableType = storageTypes[type];
  testOnEachDevice(`embedding widens the rows of a table of ${type}`, async (device) => {
    const random = new RandomValues(1);
    for (const [count, width, numRows] of SIZES) {
      const values = random.signed(numRows * width).map((x) =>
        decode(encode(x, tableType), tableType)
      );
      const table = Tensor.from(device, values, { dtype: type });
      const indices = random.indices(count, numRows);
      const x = Tensor.from(device, indices);
      const out = Tensor.empty(device, [count, width]);
      device.run("embedding", { table: table.buffer, indices: x.buffer, out: out.buffer }, {
        count,
        width,
        numRows,
        tableType,
      });
      const want = Float32Array.from(
        { length: count * width },
        (_, i) => values[indices[Math.floor(i / width)]! * width + i % width]!,
      );
      assertSameBits(await out.data(), want);
      for (const tensor of [table, x, out]) tensor[Symbol.dispose]();
    }
  });
}

checkKernel("embedding_backward", {
  reference: embeddingBackward,
  tolerance: { ofLargest: 2e-6 },
  cases: (random) =>
    SIZES.map(([count, width, numRows]) => ({
      operands: {
        indices: someWithoutRow(random.indices(count, numRows)),
        dy: random.signed(count * width),
        dtable: random.signed(numRows * width),
      },
      params: { count, width, numRows },
    })),
});

checkKernel("index_add", {
  reference: indexAdd,
  tolerance: { ofLargest: 2e-6 },
  cases: (random) =>
    SIZES.map(([count, width, numRows]) => {
      const { starts, sources } = placesOf(random.indices(count, numRows), numRows);
      return {
        operands: {
          starts,
          sources,
          x: random.signed(count * width),
          out: random.signed(numRows * width + 1),
        },
        params: { count, width, numRows },
      };
    }),
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
  assertSameBits(
    new Float32Array((await device.read(dtable)).buffer),
    Float32Array.of(5, 6, 7),
  );
});

/** Every third index stands for no row. */
function someWithoutRow(indices: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  return indices.map((index, t) => t % 3 === 2 ? 0xffffffff : index);
}
