import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm.ts";
import { Layout } from "../../src/dist/layout.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../src/optim/distributed_adafactor.ts";
import { type AdafactorOptions, parseHyperparameters } from "../../src/optim/hyperparameters.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const REFUSED: [AdafactorOptions, RegExp][] = [
  [{ lr: 0.1, relativeStep: true }, /Cannot combine lr with relativeStep/],
  [{ relativeStep: false }, /Cannot step without a step size/],
  [{ lr: 0.1, warmupInit: true }, /Cannot use warmupInit without relativeStep/],
  [{ lr: -1 }, /lr must be >= 0: current value is -1/],
  [{ lr: NaN }, /lr must be >= 0: current value is NaN/],
  [{ eps: [-1, 1e-3] }, /eps\[0\] must be >= 0/],
  [{ clipThreshold: 0 }, /clipThreshold must be > 0/],
  [{ decayRate: 0.8 }, /decayRate must be < 0: current value is 0.8/],
  [{ beta1: 1 }, /beta1 must be >= 0 and < 1: current value is 1/],
  [{ weightDecay: -0.1 }, /weightDecay must be >= 0/],
];

for (const [options, message] of REFUSED) {
  Deno.test(`Adafactor refuses ${Deno.inspect(options)}`, () => {
    assert.throws(() => parseHyperparameters(options), { message });
  });
}

Deno.test("the relative step is min(1e-2, 1 / sqrt t), and 1e-6 t at first with warmupInit", () => {
  const relative = parseHyperparameters({});
  assert.deepEqual([1, 10_000, 40_000].map(relative.rate), [0.01, 0.01, 0.005]);
  const warm = parseHyperparameters({ warmupInit: true });
  assert.deepEqual([1, 100, 40_000].map(warm.rate), [1e-6, 1e-6 * 100, 0.005]);
});

Deno.test("lr may be a function of the step, and gets 1 first", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1, 2], { layout: new Layout([2]), name: "p" });
  const seen: number[] = [];
  const lr = (step: number) => (seen.push(step), 0.1);
  using optim = new Adafactor([parameter], { lr });
  parameter.grad = Tensor.from(device, [1, 1]);
  await optim.step();
  await optim.step();
  assert.deepEqual(seen, [1, 2]);
});

Deno.test("Adafactor refuses no parameters, one twice, and parameters on two devices", () => {
  using device = wasmDevice();
  using elsewhere = wasmDevice();
  using one = new Parameter(device, [1], { layout: new Layout([1]), name: "one" });
  using two = new Parameter(elsewhere, [1], { layout: new Layout([1]), name: "two" });
  assert.throws(() => new Adafactor([]), /Cannot optimize no parameters/);
  assert.throws(() => new Adafactor([one, one]), /Cannot optimize a parameter twice/);
  assert.throws(() => new Adafactor([one, two]), /Cannot optimize two as it is on another device/);
});

Deno.test("DistributedAdaFactor refuses to step before setupDistributed()", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1], { layout: new Layout([1]), name: "p" });
  using optim = new DistributedAdaFactor([parameter]);
  parameter.grad = Tensor.from(device, [1]);
  await assert.rejects(optim.step(), /Cannot step before setupDistributed\(\)/);
});
