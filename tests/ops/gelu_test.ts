import { gelu } from "../../src/ops/gelu.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { checkGradients } from "../support/ops/gradient_check.ts";

for (const shape of [[1], [63], [64], [5, 13]]) {
  testOnEachDevice(`gelu() of shape [${shape}] agrees with its reference`, async (device) => {
    await checkGradients(device, {
      shapes: [shape],
      op: gelu,
      reference: (x) => x.map((value) => value * normalCdf(value)),
    });
  });
}

/** Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...), accurate to float64 for |x| < 6 (Marsaglia 2004). */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 3; Math.abs(term) > 1e-18; n += 2) {
    term *= x * x / n;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
}
