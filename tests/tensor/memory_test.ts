import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Device } from "../../src/device/device.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { scale } from "../../src/ops/scale.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function dropGraph(device: Device): void {
  const x = Tensor.from(device, new Float32Array(1000));
  scale(reshape(gelu(x), [10, 100]), 2);
}

testOnEachDevice(
  "the garbage collector frees tensors that were not released",
  async (device) => {
    using kept = reshape(gelu(Tensor.from(device, [1, 2, 3, 4])), [2, 2]);
    const before = device.statistics().liveBytes;
    dropGraph(device);
    assert.ok(device.statistics().liveBytes > before);
    for (let turn = 0; turn < 100 && device.statistics().liveBytes > before; turn++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.equal(device.statistics().liveBytes, before);
    // An alias keeps the memory that it shares.
    assert.ok(Math.abs((await kept.data())[3] - 3.99987) < 1e-4);
  },
);
