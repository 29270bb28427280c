import assert from "node:assert/strict";
import { shiftRight } from "../../src/models/shift_right.ts";
import { IGNORE_INDEX } from "../../src/ops/cross_entropy.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

testOnEachDevice(
  "shiftRight() begins every text with the start token and pads ignored labels",
  async (device) => {
    using labels = Tensor.from(device, [5, 6, IGNORE_INDEX, 7, IGNORE_INDEX, 8], {
      shape: [2, 3],
      dtype: "u32",
    });
    using targets = shiftRight(labels, { start: 1, padding: 0 });
    assert.deepEqual(targets.shape, [2, 3]);
    assertSameBits(await targets.data(), [1, 5, 6, 1, 7, 0]);
    using flat = Tensor.from(device, [1], { dtype: "u32" });
    assert.throws(() => shiftRight(flat, { start: 1, padding: 0 }), {
      name: "RangeError",
      message: "shiftRight() wants labels of [B, T], got [1]",
    });
  },
);
