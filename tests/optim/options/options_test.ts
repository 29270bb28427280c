import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { Layout } from "../../../src/distributed/layout.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { DistributedAdaFactor } from "../../../src/optim/distributed_adafactor.ts";
import {
  type AdafactorOptions,
  parseHyperparameters,
} from "../../../src/optim/options/hyperparameters.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";

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
  [{ relativeStep: "capped" }, /Cannot step without a step size/],
  [{ weightDecayBy: "lr" }, /Cannot multiply weightDecay by "lr" without lr/],
  [{ lr: 1, weightDecayBy: { lrSquaredOver: 0 } }, /lrSquaredOver must be > 0/],
  [{ lr: 1, weightDecayBy: { lrPower: NaN } }, /lrPower must be >= 0/],
  [{ cautious: true }, /Cannot be cautious without momentum/],
  [{ decayOffset: -1 }, /decayOffset must be >= 0/],
  [{ beta2Cap: 1.1 }, /beta2Cap must be > 0 and <= 1/],
  [{ scaleCeiling: 1e-4 }, /scaleCeiling must be >= 0.001/],
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

Deno.test('the relative step is min(lr, 1 / sqrt t) with "capped"', () => {
  const { rate } = parseHyperparameters({ lr: 0.05, relativeStep: "capped" });
  assert.deepEqual([1, 400, 10_000].map(rate), [0.05, 0.05, 0.01]);
});

const DECAYS: [AdafactorOptions, { timesStep: number; absolute: number }][] = [
  [{}, { timesStep: 0.5, absolute: 0 }],
  [{ weightDecayBy: "absolute" }, { timesStep: 0, absolute: 0.5 }],
  [{ weightDecayBy: "lr" }, { timesStep: 0, absolute: 0.125 }],
  [{ weightDecayBy: { lrPower: 2 } }, { timesStep: 0, absolute: 0.03125 }],
  [{ weightDecayBy: { lrSquaredOver: 4 } }, { timesStep: 0, absolute: 0.0078125 }],
  [{ weightDecayBy: (step) => 1 / step }, { timesStep: 0, absolute: 0.25 }],
];

for (const [options, expected] of DECAYS) {
  Deno.test(`at step 2 weight decay is ${Deno.inspect(expected)} with ${Deno.inspect(options)}`, () => {
    const lr = (step: number) => 0.5 / step;
    const { decay } = parseHyperparameters({ ...options, lr, weightDecay: 0.5 });
    assert.deepEqual(decay(2), expected);
  });
}

Deno.test("b2 is 1 - t^decayRate from the offset on, held to its cap, or any function", () => {
  const takes = (options: AdafactorOptions, steps: number[]) =>
    steps.map((step) => parseHyperparameters(options).take(step));
  assert.deepEqual(takes({ decayRate: -0.5 }, [1, 4, 100]), [1, 0.5, 0.1]);
  assert.deepEqual(takes({ decayRate: -0.5, decayOffset: 10 }, [1, 11, 14]), [1, 1, 0.5]);
  assert.deepEqual(takes({ decayRate: -0.5, beta2Cap: 0.75 }, [4, 10_000]), [0.5, 0.25]);
  assert.deepEqual(takes({ beta2: (step) => step === 1 ? 0 : 0.75 }, [1, 2]), [1, 0.25]);
  assert.throws(() => takes({ beta2: () => 2 }, [1]), /beta2\(1\) must be >= 0 and <= 1/);
});

Deno.test("a step size from a function is checked at every step", () => {
  const { rate } = parseHyperparameters({ lr: (step) => step === 1 ? 1 : NaN });
  assert.equal(rate(1), 1);
  assert.throws(() => rate(2), { message: /lr\(2\) must be >= 0: current value is NaN/ });
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

Deno.test("a disposed optimizer refuses steps and has no state", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1, 2], { shape: [2], name: "p" });
  parameter.grad = Tensor.from(device, [1, 1]);
  const optim = new Adafactor([parameter]);
  await optim.step();
  const [state, before] = [await optim.stateDict(), await parameter.data()];
  optim[Symbol.dispose]();
  optim[Symbol.dispose]();
  const message = /Cannot start as the optimizer is disposed: make a new one/;
  await assert.rejects(optim.step(), { name: "TypeError", message });
  await assert.rejects(optim.stateDict(), { name: "TypeError", message });
  await assert.rejects(optim.diagnostics(), { name: "TypeError", message });
  assert.throws(() => optim.loadStateDict(state), { name: "TypeError", message });
  assert.deepEqual(await parameter.data(), before);
});

Deno.test("Adafactor refuses what is no list of parameters", () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1], { shape: [1] });
  using tensor = Tensor.from(device, [1]);
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /Cannot optimize undefined, which is not a list: give a list of parameters/],
    [parameter, /Cannot optimize a Parameter, which is not a list/],
    [[tensor], /Cannot optimize a Tensor: give parameters, or groups \{ parameters/],
    [[null], /Cannot optimize null: give parameters/],
    [[{ lr: 1 }], /Cannot optimize an object: give parameters/],
    [[{ parameters: parameter }], /Cannot optimize a Parameter, which is not a list/],
  ];
  for (const [given, message] of refused) {
    assert.throws(() => new Adafactor(given as Parameter[]), { name: "TypeError", message });
  }
});

Deno.test("DistributedAdaFactor refuses to step before setupDistributed()", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1], { layout: new Layout([1]), name: "p" });
  using optim = new DistributedAdaFactor([parameter]);
  parameter.grad = Tensor.from(device, [1]);
  await assert.rejects(optim.step(), /Cannot step, save or load before setupDistributed\(\)/);
});

const MISTAKEN: [Record<string, unknown>, RegExp][] = [
  [{ learningRate: 1 }, /There is no option learningRate: there are lr, algorithm, eps, /],
  [{ clip_threshold: 1 }, /There is no option clip_threshold/],
  [{ lr: "0.1" }, /Option lr must be \(number \| Function\), got "0.1"/],
  [{ lr: null }, /Option lr must be .*, got null/],
  [{ missingGradients: "ignore" }, /Option missingGradients must be \("error" \| "skip"\)/],
  [{ nonFinite: "ignore" }, /Option nonFinite must be/],
  [{ scaleParameter: 1 }, /Option scaleParameter must be boolean, got 1/],
];

for (const [options, message] of MISTAKEN) {
  Deno.test(`Adafactor does not take ${Deno.inspect(options)} for its default`, () => {
    using device = wasmDevice();
    using parameter = new Parameter(device, [1], { shape: [1] });
    assert.throws(() => new Adafactor([parameter], options), { name: "TypeError", message });
    if ("nonFinite" in options) return;
    const group = { parameters: [parameter], ...options };
    assert.throws(() => new Adafactor([group]), { name: "TypeError", message });
  });
}
