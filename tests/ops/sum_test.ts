import { sum } from "../../src/ops/sum.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[], [1], [131], [5, 13], [2, 3, 7], [0, 4]]) {
  testOnEachDevice(`sum() of shape [${shape}] agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape],
      op: (x) => sum(x),
      reference: (x) => [x.reduce((total, value) => total + value, 0)],
    });
  });
}
