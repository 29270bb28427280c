// More tiles than one dimension of a GPU's dispatch has workgroups (65535): the rest are in further rows of it.

import assert from "node:assert/strict";
import { storageTypes } from "../../../src/device/storage_types.ts";
import { blockTable, blockWords, tileRun } from "../../support/device/block_records.ts";
import { runOnDevice } from "../../support/device/checked_kernel.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { RandomValues } from "../../support/device/random_values.ts";

testOnEachDevice("adafactor_tile_params sums each of 66560 tiles", async (device) => {
  const table = blockTable([{ batch: 1, rows: 260, cols: 512, tileRows: 1, tileCols: 2 }]);
  const { paramOffset, partials, rows, cols } = table.records[0]!;
  const param = new RandomValues(1).signed(table.lengths.param);
  const after = await runOnDevice(device, "adafactor_tile_params", {
    operands: {
      param,
      blocks: blockWords(table),
      partials: new Float32Array(table.lengths.partials),
    },
    params: { ...tileRun(table), paramType: storageTypes.f32, paramLength: param.length },
  });
  const firstTile = partials + rows * (cols / 2) + rows * cols;
  for (let tile = 0; tile < rows * cols / 2; tile++) {
    const [a, b] = param.subarray(paramOffset + 2 * tile);
    const want = a! * a! + b! * b!;
    assert.ok(Math.abs(after.partials![firstTile + tile]! - want) <= 1e-6 * want, `tile ${tile}`);
  }
});
