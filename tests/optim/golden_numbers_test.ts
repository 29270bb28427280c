// Numbers that other implementations' own tests assert, each with its origin and tolerance.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import type { OptimizerState, ParameterState } from "../../src/optim/state/adafactor_state.ts";
import type { OptimizerOptions } from "../../src/optim/options/parameter_groups.ts";
import { presets } from "../../src/optim/options/presets.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose } from "../support/assert_close.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";

interface Trajectory {
  readonly shape: readonly number[];
  readonly start: readonly number[];
  /** One per step. */
  readonly gradients: readonly (readonly number[])[];
  readonly options: OptimizerOptions;
  readonly state?: ParameterState;
}

/** Values after every step, and the state after the last. */
async function follow(device: Device, { shape, start, gradients, options, state }: Trajectory) {
  using parameter = new Parameter(device, start, { shape, name: "x" });
  using optim = new Adafactor([parameter], options);
  if (state !== undefined) optim.loadStateDict({ x: state });
  const values: number[][] = [];
  for (const gradient of gradients) {
    parameter.grad = Tensor.from(device, gradient, { shape });
    await optim.step();
    values.push([...await parameter.data()]);
  }
  const { x }: OptimizerState = await optim.stateDict();
  return { values, state: x };
}

/** keras/src/optimizers/adafactor_test.py: test_single_step_1d, test_single_step_2d, test_correctness_with_golden */
testOnEachDevice("the keras preset gives the numbers of Keras' tests", async (device) => {
  const options = { ...presets.keras, lr: 0.5 };
  const vector = { shape: [4], start: [1, 2, 3, 4], gradients: [[1, 6, 7, 2]], options };
  const { values: [one] } = await follow(device, vector);
  assertClose(one, [-0.3693, 0.6307, 1.6307, 2.6307], { absolute: 1e-4 });
  const { values: [two] } = await follow(device, { ...vector, shape: [2, 2] });
  assertClose(two, [0.7007, -0.0081, 1.2492, 3.4407], { absolute: 1e-4 });

  const ones = (value: number) => new Array<number>(10).fill(value);
  const later = Array.from({ length: 10 }, (_, k) => 0.1 * (1 + k));
  const { values } = await follow(device, {
    shape: [10],
    start: ones(1),
    gradients: [ones(0.01), later, later, later, later],
    options: { ...options, decayRate: -0.65, eps: [1e-15, 1e-4], clipThreshold: 0.9 },
  });
  const golden = [
    ones(0.55),
    [0.3031, 0.3026, 0.3025, ...ones(0.3024).slice(3)],
    [0.1671, 0.1665, ...ones(0.1663).slice(2)],
    [0.0923, 0.0916, 0.0915, ...ones(0.0914).slice(3)],
    [0.0554, 0.0548, ...ones(0.0546).slice(4), 0.0545, 0.0545],
  ];
  for (const [step, expected] of golden.entries()) {
    assertClose(values[step], expected, { absolute: 5e-4 });
  }
});

/** keras/src/optimizers/adafactor_test.py: test_weight_decay */
testOnEachDevice(
  "the keras preset decays weights without gradients by lr weightDecay",
  async (device) => {
    const options = { ...presets.keras, lr: 1, weightDecay: 0.004 };
    const { values } = await follow(device, {
      shape: [],
      start: [2],
      gradients: [[0], [0], [0]],
      options,
    });
    assertClose(values[2], [1.9760959], { absolute: 1e-6 });
  },
);

/** burn, crates/burn-optim/src/optim/adafactor/tests.rs: its two steps of absolute size, in float64 */
const BURN = { lr: 0.2, eps: [0.01, 1e-3], clipThreshold: 0.75, scaleParameter: false } as const;

testOnEachDevice("a vector follows burn's float64 numbers over two steps", async (device) => {
  const { values, state } = await follow(device, {
    shape: [3],
    start: [1, -2, 3],
    gradients: [[0.2, -0.4, 0.7], [-0.1, 0.8, -0.5]],
    options: BURN,
  });
  assertClose(values[0], [0.8591300, -1.8472050, 2.8440855], { absolute: 1e-6 });
  assertClose(values[1], [0.9511715, -2.0468662, 2.982519], { absolute: 1e-6 });
  assertClose(state.colMeans, [0.032769524, 0.4456876, 0.3621562], { absolute: 1e-7 });
  assert.equal(state.step, 2);
});

testOnEachDevice("a matrix follows burn's float64 numbers over two steps", async (device) => {
  const { values, state } = await follow(device, {
    shape: [2, 3],
    start: [1, -2, 3, -4, 5, -6],
    gradients: [[0.2, -0.4, 0.6, 0.8, -1, 1.2], [-0.5, 0.25, 1, 0.125, -0.75, 0.375]],
    options: BURN,
  });
  assertClose(
    values[0],
    [0.90609723, -1.8553506, 2.8252919, -4.1636004, 5.157508, -6.152191],
    { absolute: 1e-6 },
  );
  assertClose(
    values[1],
    [1.109898, -1.929492, 2.5945199, -4.202498, 5.3273153, -6.218259],
    { absolute: 1e-6 },
  );
  assertClose(state.rowMeans, [0.34073257, 0.584606], { absolute: 1e-7 });
  assertClose(state.colMeans, [0.23100203, 0.43636158, 0.72064424], { absolute: 1e-7 });
});

testOnEachDevice("a batch of matrices follows burn's float64 numbers", async (device) => {
  const { values: [value], state } = await follow(device, {
    shape: [2, 2, 3],
    start: new Array(12).fill(0),
    gradients: [[1, 2, 3, 4, 5, 6, 2, -1, 4, 0.5, 3, -2]],
    options: { ...BURN, clipThreshold: 10 },
  });
  assertClose(value, [
    ...[-0.12350519, -0.1891674, -0.22781561, -0.21083567, -0.20182975, -0.19445199],
    ...[-0.24725027, 0.080702476, -0.22837506, -0.077785276, -0.30466932, 0.1436942],
  ], { absolute: 1e-6 });
  assertClose(state.rowMeans, [4.6766667, 25.676666, 7.01, 4.4266667], { absolute: 3e-6 });
  assertClose(state.colMeans, [8.51, 14.51, 22.51, 2.135, 5.01, 10.01], { absolute: 3e-6 });
});

/** burn, the same file: caps, floors, clipping and weight decay; its presets are Keras' */
testOnEachDevice("steps, floors, clips and decays are burn's", async (device) => {
  const run = async (start: number[], gradients: number[][], options: OptimizerOptions) =>
    (await follow(device, {
      shape: [2],
      start,
      gradients,
      options: { ...presets.keras, ...options },
    })).values.at(-1)!;
  const unscaled = { scaleParameter: false };
  assertClose(await run([2, -2], [[1, 1]], { ...unscaled, lr: 0.1 }), [1.9, -2.1], {
    absolute: 1e-6,
  });
  assertClose(await run([2, -2], [[1, 1]], { ...unscaled, lr: 2 }), [1, -3], { absolute: 1e-6 });
  const capped = await run([2, -2], [[1, 1], [1, 1]], { ...unscaled, lr: 2 });
  assertClose(capped, [0.29289323, -3.7071068], { absolute: 1e-6 });
  const absolute = { ...unscaled, lr: 2, relativeStep: false };
  assertClose(await run([2, -2], [[1, 1]], absolute), [0, -4], { absolute: 1e-6 });
  const floor = { eps: [1e-30, 0.1] as const };
  assertClose(await run([3, 4], [[1, 1]], { ...floor, lr: 0.01 }), [2.9646447, 3.9646447], {
    absolute: 1e-6,
  });
  assertClose(await run([0, 0], [[1, 1]], { ...floor, lr: 0.2 }), [-0.02, -0.02], {
    absolute: 1e-7,
  });
  const clip = { ...unscaled, lr: 0.2, clipThreshold: 0.25 };
  assertClose(await run([1, -2], [[1, -1]], clip), [0.95, -1.95], { absolute: 1e-6 });
  const decay = { lr: 2, weightDecay: 0.1 };
  assertClose(await run([3, 4], [[1, 1]], decay), [-1.1355339, -0.33553392], { absolute: 1e-6 });
});

/** t5x/adafactor_test.py: test_apply_gradient, test_apply_gradient_with_global_norm_clipping; v_col there is R here */
testOnEachDevice(
  "the t5x preset gives the numbers of T5X's tests, clipped by global norm or not",
  async (device) => {
    const ones = (length: number, value = 1) => new Float32Array(length).fill(value);
    const factored = {
      shape: [3, 2],
      start: [...ones(6)],
      gradients: [[...ones(6)]],
      // T5X takes mean R from the smaller dim's moments, all 0.9 here; the larger dim's are 0.1.
      state: {
        step: 1,
        batch: 1,
        rows: 3,
        cols: 2,
        rowMeans: ones(3, 0.9),
        colMeans: ones(2, 0.1),
        means: ones(1, 0.9),
      },
      options: { ...presets.t5x, lr: 0.1, factoring: { largestTwo: 0 } },
    };
    const plain = await follow(device, factored);
    assertClose(plain.values[0], [...ones(6, 0.9)], { absolute: 1e-6 });
    assertClose(plain.state.rowMeans, [...ones(3, 0.9574349)], { absolute: 1e-6 });
    assertClose(plain.state.colMeans, [...ones(2, 0.6169143)], { absolute: 1e-6 });

    const options = { ...factored.options, maxGradientNorm: 1 };
    const clipped = await follow(device, { ...factored, options });
    assertClose(clipped.values[0], [...ones(6, 0.9)], { absolute: 1e-6 });
    assertClose(clipped.state.rowMeans, [...ones(3, 0.478811)], { absolute: 1e-6 });
    assertClose(clipped.state.colMeans, [...ones(2, 0.13829)], { absolute: 1e-6 });

    const unfactored = await follow(device, {
      ...factored,
      state: {
        step: 1,
        batch: 1,
        rows: 1,
        cols: 6,
        rowMeans: ones(1, 0.5),
        colMeans: ones(6, 0.5),
        means: ones(1, 0.5),
        momentum: ones(6, 0),
      },
      options: { ...presets.t5x, lr: 0.1, beta1: 0, factoring: { largestTwo: 32 } },
    });
    assertClose(unfactored.values[0], [...ones(6, 0.9)], { absolute: 1e-6 });
    assertClose(unfactored.state.colMeans, [...ones(6, 0.787174)], { absolute: 1e-6 });
    assertClose(unfactored.state.momentum!, [...ones(6, 0.1)], { absolute: 1e-6 });
  },
);

/** optax issue 1791: a decay offset makes optax 0.2.8 give NaN from the first step */
testOnEachDevice("a decay offset keeps the first steps finite", async (device) => {
  const { values } = await follow(device, {
    shape: [2],
    start: [1, 1],
    gradients: [[1, 2], [1, 2], [1, 2]],
    options: { ...presets.optax, lr: 0.1, decayOffset: 2 },
  });
  // RMS p is 1, and every component of the update: the second moment follows the gradient.
  assertClose(values[0], [0.9, 0.9], { absolute: 1e-6 });
  assert.ok(values.flat().every(Number.isFinite));
});
