// CAME: what is published of it, float64 beside it, and what its state is.

import assert from "node:assert/strict";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { parseHyperparameters } from "../../src/optim/options/hyperparameters.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { ReferenceAdafactor } from "../reference/adafactor.ts";
import { assertSameUpdate, gradientAt, initialParameter } from "../support/optim/golden.ts";

const OPTIONS = { ...presets.came, lr: 0.003, weightDecay: 0.1 };
const SHAPES = [[5, 7], [3, 4, 6], [9], [], [33, 65], [300, 260]];

testOnEachDevice(
  "CAME follows float64 over 30 steps, small and large, factored and not",
  async (device) => {
    using scope = new DisposableStack();
    const parameters = SHAPES.map((shape, index) =>
      scope.use(new Parameter(device, initialParameter({ shape }), { shape, name: `p${index}` }))
    );
    using optim = new Adafactor(parameters, OPTIONS);
    const hyper = parseHyperparameters(OPTIONS);
    const starts = await Promise.all(parameters.map((parameter) => parameter.data()));
    const references = starts.map((start, index) =>
      new ReferenceAdafactor(start, { shape: SHAPES[index] })
    );
    for (let step = 1; step <= 30; step++) {
      for (const [index, parameter] of parameters.entries()) {
        const gradient = gradientAt(step, { shape: SHAPES[index], gradientScale: 0.01 });
        parameter.grad = Tensor.from(device, gradient, { shape: SHAPES[index] });
        references[index].step(Float32Array.from(gradient), { hyper, step });
      }
      await optim.step();
    }
    for (const [index, parameter] of parameters.entries()) {
      const actual = await parameter.data();
      const start = starts[index];
      const what = `[${SHAPES[index]}]`;
      assertSameUpdate(actual, references[index].parameter, { start, steps: 30, what });
      parameter.zeroGrad();
    }
  },
);

Deno.test("CAME's first step is momentum over the root of its confidence, as worked out by hand", async () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1, 1, 1, 1], { shape: [2, 2], name: "p" });
  using optim = new Adafactor([parameter], { ...presets.came, lr: 0.1 });
  parameter.grad = Tensor.from(device, [2, 2, 2, 2], { shape: [2, 2] });
  await optim.step();
  // v = 0.001 g^2, u = 1 / sqrt(0.001) clipped to 1, m = 0.1, (u - m)^2 = 0.81, R' = C' = 0.0001 * 0.81: m / 0.009 = 11.11
  const expected = 1 - 0.1 * 0.1 / Math.sqrt(0.0001 * 0.81);
  for (const value of await parameter.data()) {
    assert.ok(Math.abs(value - expected) <= 1e-6, `${value}, ${expected}`);
  }
});

testOnEachDevice(
  "CAME resumes from its state bit by bit, and refuses Adafactor's",
  async (device) => {
    const shape = [6, 10];
    const make = (values: ArrayLike<number>) =>
      new Parameter(device, Float32Array.from(values), { shape, name: "p" });
    const advance = async (optim: Adafactor, from: number, to: number) => {
      const [parameter] = optim.parameters;
      for (let step = from + 1; step <= to; step++) {
        const gradient = gradientAt(step, { shape, gradientScale: 0.01 });
        parameter.grad = Tensor.from(device, gradient, { shape });
        await optim.step();
      }
      return await parameter.data();
    };
    using one = make(initialParameter({ shape }));
    using whole = new Adafactor([one], OPTIONS);
    const half = await advance(whole, 0, 3);
    const state = await whole.stateDict();
    assert.deepEqual(
      [state.p.confidenceRowMeans?.length, state.p.confidenceColMeans?.length],
      [6, 10],
    );
    const expected = await advance(whole, 3, 6);
    using other = make(half);
    using resumed = new Adafactor([other], OPTIONS);
    resumed.loadStateDict(state);
    assertSameBits(await advance(resumed, 3, 6), expected);
    using third = make(half);
    using plain = new Adafactor([third], { beta1: 0.9 });
    assert.throws(() => plain.loadStateDict(state), /it was saved by CAME/);
    assert.throws(
      () => resumed.loadStateDict({ p: { ...state.p, confidenceMeans: new Float32Array(2) } }),
      /confidenceMeans must be a Float32Array of 1/,
    );
    for (const parameter of [one, other]) parameter.zeroGrad();
  },
);

Deno.test("parameters by CAME, cautious and plain ones move in one optimizer as each in its own", async () => {
  using device = wasmDevice();
  const GROUPS = [
    OPTIONS,
    { ...presets.paper, lr: 0.01, beta1: 0.9, cautious: true },
    { lr: 0.01 },
    {
      lr: 0.01,
      beta1: 0.5,
    },
  ];
  const train = async (numbers: readonly number[]) => {
    using scope = new DisposableStack();
    const parameters = numbers.map((index) =>
      scope.use(
        new Parameter(device, initialParameter({ shape: [6, 10] }), {
          shape: [6, 10],
          name: `p${index}`,
        }),
      )
    );
    const groups = numbers.map((index, at) => ({ ...GROUPS[index], parameters: [parameters[at]] }));
    const optim = scope.use(new Adafactor(groups));
    for (let step = 1; step <= 4; step++) {
      for (const parameter of parameters) {
        const gradient = gradientAt(step, { shape: [6, 10], gradientScale: 0.01 });
        parameter.grad = Tensor.from(device, gradient, { shape: [6, 10] });
      }
      await optim.step();
    }
    for (const parameter of parameters) parameter.zeroGrad();
    return await Promise.all(parameters.map((parameter) => parameter.data()));
  };
  const together = await train([0, 1, 2, 3]);
  for (const index of [0, 1, 2, 3]) assertSameBits(together[index], (await train([index]))[0]);
});

Deno.test("CAME refuses options that it cannot be combined with", () => {
  using device = wasmDevice();
  using parameter = new Parameter(device, [1], { shape: [1] });
  for (
    const change of [{ cautious: true }, { scaleParameter: true }, { momentumOf: "step" }] as const
  ) {
    assert.throws(
      () => new Adafactor([parameter], { ...OPTIONS, ...change }),
      /Cannot step by CAME without beta1/,
    );
  }
});
