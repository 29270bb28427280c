import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Linear } from "../../src/nn/linear.ts";
import { RandomSource } from "../../src/nn/philox.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { describeParameters, distinctNames } from "../../src/tensor/parameter_names.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

Deno.test("parameters with the same name are distinguished by position and shape", async () => {
  using device = wasmDevice();
  const random = new RandomSource(1);
  using up = new Linear(device, { inFeatures: 2, outFeatures: 3, random });
  using down = new Linear(device, { inFeatures: 3, outFeatures: 2, random });
  using head = new Parameter(device, [1], { shape: [1], name: "head" });
  const all = [...up.parameters(), ...down.parameters(), head];
  using optim = new Adafactor(all);
  await assert.rejects(optim.step(), {
    message: "Cannot step without a gradient of weight (number 0, [3, 2]), bias (number 1, [3]), " +
      "weight (number 2, [2, 3]), bias (number 3, [2]), head: " +
      'call backward() first, or set missingGradients: "skip"',
  });
  for (const parameter of all) {
    const values = new Float32Array(parameter.length).fill(parameter === all[3] ? NaN : 1);
    parameter.grad = Tensor.from(device, values, { shape: parameter.shape });
  }
  await assert.rejects(optim.step(), {
    name: "NonFiniteGradientError",
    parameters: ["bias (number 3, [2])"],
  });
  assert.throws(
    () => new Adafactor([head, head]),
    /twice: each must be given once, got head of shape/,
  );
  optim.zeroGrad();
});

Deno.test("a message about many parameters names the first ones and counts the others", () => {
  using device = wasmDevice();
  using scope = new DisposableStack();
  const all = Array.from(
    { length: 11 },
    (_, k) => scope.use(new Parameter(device, [1], { shape: [1], name: `p${k}` })),
  );
  assert.deepEqual(distinctNames(all.slice(9), all), ["p9", "p10"]);
  assert.equal(describeParameters(all, all), "p0, p1, p2, p3, p4, p5, p6, p7 and 3 more");
  assert.equal(describeParameters(all.slice(3), all), "p3, p4, p5, p6, p7, p8, p9, p10");
});
