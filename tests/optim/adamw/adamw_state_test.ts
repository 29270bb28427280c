// AdamW's state: saved, loaded and refused, with the same bits after it; and how many kernels a step runs.

import assert from "node:assert/strict";
import type { Device } from "../../../src/device/device.ts";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { Adafactor } from "../../../src/optim/adafactor.ts";
import { AdamW } from "../../../src/optim/adamw.ts";
import type { AdamWOptimizerOptions } from "../../../src/optim/options/adamw_options.ts";
import type { AdamWState } from "../../../src/optim/state/adamw_state.ts";
import type { FloatType } from "../../../src/tensor/dtype.ts";
import { Parameter } from "../../../src/tensor/parameter.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { assertSameBits } from "../../support/assert_same_bits.ts";
import { testOnEachDevice } from "../../support/device/on_each_device.ts";
import { gradientAt, initialParameter } from "../../support/optim/golden.ts";

const SHAPES = [[5, 7], [3, 4, 6], [9], [], [64, 66]];

interface Saved {
  readonly values: readonly Float32Array[];
  readonly state: AdamWState;
}

/** Steps `from + 1` to `to`; gives values and state. */
async function trainAlone(
  device: Device,
  { from, to, dtype, options, start }: {
    readonly from: number;
    readonly to: number;
    readonly dtype: FloatType;
    readonly options: AdamWOptimizerOptions;
    readonly start?: Saved;
  },
): Promise<Saved> {
  using scope = new DisposableStack();
  const parameters = SHAPES.map((shape, index) => {
    const values = start?.values[index] ?? initialParameter({ shape });
    return scope.use(new Parameter(device, values, { shape, dtype, name: `p${index}` }));
  });
  using optim = new AdamW(parameters, options);
  if (start !== undefined) optim.loadStateDict(structuredClone(start.state));
  for (let step = from + 1; step <= to; step++) {
    for (const parameter of parameters) {
      const { shape } = parameter;
      const gradient = gradientAt(step, { shape, gradientScale: 0.01 });
      parameter.grad = Tensor.from(device, gradient, { shape, dtype });
    }
    await optim.step();
  }
  const values = await Promise.all(parameters.map((parameter) => parameter.data()));
  return { values, state: await optim.stateDict() };
}

const KINDS: readonly (readonly [FloatType, AdamWOptimizerOptions])[] = [
  ["f32", { lr: 0.01 }],
  ["bf16", { lr: 0.01, masterWeights: true, momentumDtype: "bf16" }],
  ["f16", { lr: 0.01, rounding: "stochastic", seed: 7 }],
];

for (const [dtype, options] of KINDS) {
  testOnEachDevice(
    `saving and loading AdamW's state after any step changes no bit, ${dtype} with ${
      Object.keys(options)
    }`,
    async (device) => {
      const shared = { dtype, options };
      const whole = await trainAlone(device, { ...shared, from: 0, to: 6 });
      const first = await trainAlone(device, { ...shared, from: 0, to: 1 });
      assert.ok(
        whole.values.every((values, k) => values.some((value, i) => value !== first.values[k][i])),
      );
      for (const at of [0, 1, 2, 5]) {
        const start = await trainAlone(device, { ...shared, from: 0, to: at });
        const resumed = await trainAlone(device, { ...shared, from: at, to: 6, start });
        assertSameBits(resumed, whole);
      }
    },
  );
}

Deno.test("AdamW's state consists of numbers and typed arrays alone", async () => {
  using device = wasmDevice();
  const options = { masterWeights: true };
  const { state } = await trainAlone(device, { from: 0, to: 1, dtype: "bf16", options });
  for (
    const [index, { step, length, firstMoment, secondMoment, master, ...rest }] of Object.values(
      state,
    ).entries()
  ) {
    const count = SHAPES[index].reduce((product, each) => product * each, 1);
    assert.deepEqual([step, length], [1, count]);
    for (const values of [firstMoment, secondMoment, master!]) {
      assert.ok(values instanceof Float32Array && values.length === count);
    }
    assert.deepEqual(rest, {});
  }
});

Deno.test("AdamW refuses a state that does not fit and changes nothing", async () => {
  using device = wasmDevice();
  const options = { lr: 0.01 };
  const { state } = await trainAlone(device, { from: 0, to: 1, dtype: "f32", options });
  using parameter = new Parameter(device, initialParameter({ shape: [5, 7] }), {
    shape: [5, 7],
    name: "p0",
  });
  using optim = new AdamW([parameter], options);
  using adafactor = new Adafactor([parameter], { beta1: 0.9 });
  const [before, foreign] = [await optim.stateDict(), await adafactor.stateDict()];
  const { p0, p1 } = state;
  const refused = [
    [{}, /nothing is there for the parameters \[p0\]/],
    [{ p0: p1 }, /wanted 35 elements, got 72 elements/],
    [foreign, /it has no length, so this optimizer did not save it/],
    [{ p0: { ...p0, firstMoment: undefined } }, /firstMoment must be a Float32Array of 35/],
    [
      { p0: { ...p0, secondMoment: new Float32Array(6) } },
      /secondMoment must be a Float32Array of 35/,
    ],
    [{ p0: { ...p0, master: p0.firstMoment } }, /saved with master weights/],
    [{ p0: { ...p0, step: -1 } }, /step must be a whole number/],
    [{ p0: { ...p0, firstMoment: p0.firstMoment.with(3, NaN) } }, /of p0: firstMoment\[3\] is NaN/],
    [{ p0: { ...p0, secondMoment: p0.secondMoment.with(0, -0.5) } }, /secondMoment\[0\] is -0\.5/],
  ] as const;
  for (const [given, message] of refused) {
    const saved = given as unknown as AdamWState;
    assert.throws(() => optim.loadStateDict(saved), { name: "TypeError", message });
    assertSameBits(await optim.stateDict(), before);
  }
  assert.throws(() => adafactor.loadStateDict({ p0 } as never), {
    name: "TypeError",
    message: /it has no batch, rows, cols, so this optimizer did not save it/,
  });
  optim.loadStateDict({ p0 });
  assertSameBits(await optim.stateDict(), { p0 });
});

testOnEachDevice(
  "a step of AdamW runs as many kernels for 1,000 small parameters as for 10",
  async (device) => {
    const kernelsOf = async (numParameters: number) => {
      using scope = new DisposableStack();
      const parameters = Array.from({ length: numParameters }, (_, k) => {
        const shape = k % 2 === 0 ? [8 + k % 5] : [3, 4 + k % 7];
        const parameter = scope.use(new Parameter(device, initialParameter({ shape }), { shape }));
        parameter.grad = Tensor.from(device, gradientAt(1, { shape, gradientScale: 1 }), { shape });
        return parameter;
      });
      using optim = new AdamW(parameters);
      await optim.step();
      const before = device.statistics().kernelsRun;
      await optim.step();
      for (const parameter of parameters) parameter.zeroGrad();
      return device.statistics().kernelsRun - before;
    };
    const [few, many] = [await kernelsOf(10), await kernelsOf(1000)];
    assert.ok(many === few && many <= 6, `${many} and ${few}`);
  },
);
