import { geluTanh, relu, silu, tanh } from "../../src/ops/activation.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

const CASES = {
  relu: { op: relu, reference: (x: number) => Math.max(x, 0) },
  silu: { op: silu, reference: (x: number) => x / (1 + Math.exp(-x)) },
  geluTanh: {
    op: geluTanh,
    reference: (x: number) =>
      0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  },
  tanh: { op: tanh, reference: Math.tanh },
};

for (const [name, { op, reference }] of Object.entries(CASES)) {
  for (const shape of [[1], [63], [5, 13]]) {
    testOnEachDevice(`${name}() of shape [${shape}] agrees with its reference`, async (device) => {
      await checkGradients(device, { shapes: [shape], op, reference: (x) => x.map(reference) });
    });
  }
}
