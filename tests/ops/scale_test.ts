import { scale } from "../../src/ops/scale.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[], [64], [3, 7]]) {
  for (const factor of [-0.75, 0, 3]) {
    testOnEachDevice(
      `scale() of shape [${shape}] by ${factor} agrees with its reference`,
      async (device) => {
        await checkGradients(device, {
          shapes: [shape],
          op: (x) => scale(x, factor),
          reference: (x) => x.map((value) => factor * value),
        });
      },
    );
  }
}
