// Parameters and gradients of 16 bits: stepped in f32 and rounded, to the nearest, at random, or beside master weights.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import { parseHyperparameters } from "../../src/optim/options/hyperparameters.ts";
import type { OptimizerOptions } from "../../src/optim/options/parameter_groups.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertSameBits } from "../support/assert_same_bits.ts";
import { testOnEachDevice } from "../support/device/on_each_device.ts";
import { ReferenceAdafactor } from "../reference/adafactor.ts";
import { gradientAt, initialParameter } from "../support/optim/golden.ts";

/** Even, odd and single rows, a batch, a vector of odd length, a scalar, and large enough to be stepped in place. */
const SHAPES = [[6, 10], [5, 7], [1, 9], [3, 4, 6], [17], [], [264, 258]];
const EVEN_SHAPES = [[6, 10], [3, 4, 6], [17], [264, 258]];
const STEPS = 4;
/** Distance to the next number, at most, relative to a number. */
const SPACING = { f16: 2 ** -10, bf16: 2 ** -7, f32: 2 ** -23 };

interface Run {
  readonly shapes: readonly (readonly number[])[];
  readonly dtype: FloatType;
  readonly gradientDtype?: FloatType;
  readonly options: OptimizerOptions;
  readonly steps?: number;
}

/** Values after the steps, where they began, and the gradients as they were stored. */
async function train(
  device: Device,
  { shapes, dtype, gradientDtype = dtype, options, steps = STEPS }: Run,
) {
  using scope = new DisposableStack();
  const parameters = shapes.map((shape, index) =>
    scope.use(
      new Parameter(device, initialParameter({ shape }), {
        shape,
        dtype,
        gradientDtype,
        name: `p${index}`,
      }),
    )
  );
  const start = await Promise.all(parameters.map((parameter) => parameter.data()));
  const optim = scope.use(new Adafactor(parameters, options));
  const gradients: Float32Array[][] = [];
  for (let step = 1; step <= steps; step++) {
    for (const parameter of parameters) {
      const { shape } = parameter;
      const values = gradientAt(step, { shape, gradientScale: 0.01 });
      parameter.grad = Tensor.from(device, values, { shape, dtype: gradientDtype });
    }
    gradients.push(
      await Promise.all(parameters.map(({ grad }) => grad!.data() as Promise<Float32Array>)),
    );
    await optim.step();
  }
  const values = await Promise.all(parameters.map((parameter) => parameter.data()));
  const state = await optim.stateDict();
  for (const parameter of parameters) parameter.zeroGrad();
  return { start, values, gradients, state };
}

/** The same in float64. */
function expectedOf(
  { shapes, options, steps = STEPS }: Run,
  { start, gradients }: { start: readonly ArrayLike<number>[]; gradients: Float32Array[][] },
): Float64Array[] {
  const hyper = parseHyperparameters(options);
  return shapes.map((shape, index) => {
    const reference = new ReferenceAdafactor(start[index], { shape });
    for (let step = 1; step <= steps; step++) {
      reference.step(gradients[step - 1][index], { hyper, step });
    }
    return reference.parameter;
  });
}

const OPTIONS = { lr: 0.05, beta1: 0.5, weightDecay: 0.01 };

for (const dtype of ["f16", "bf16"] as const) {
  for (const gradientDtype of ["f32", dtype] as const) {
    testOnEachDevice(
      `${dtype} parameters with ${gradientDtype} gradients follow float64 within the rounding of every step`,
      async (device) => {
        const run = { shapes: SHAPES, dtype, gradientDtype, options: OPTIONS };
        const got = await train(device, run);
        const expected = expectedOf(run, got);
        for (const [index, values] of got.values.entries()) {
          let moved = 0;
          values.forEach((value, k) => {
            const want = expected[index][k];
            const most = Math.max(Math.abs(want), Math.abs(got.start[index][k]), 2e-3);
            const allowed = STEPS * SPACING[dtype] * most;
            assert.ok(
              Math.abs(value - want) <= allowed,
              `[${SHAPES[index]}][${k}]: ${value}, ${want}`,
            );
            if (value !== got.start[index][k]) moved++;
          });
          assert.ok(moved > 0);
        }
      },
    );

    testOnEachDevice(
      `master weights beside ${dtype} parameters with ${gradientDtype} gradients are those of f32, rounded once`,
      async (device) => {
        const options = { ...OPTIONS, masterWeights: true };
        const run = { shapes: SHAPES, dtype, gradientDtype, options };
        const got = await train(device, run);
        const expected = expectedOf(run, got);
        for (const [index, values] of got.values.entries()) {
          const { master } = got.state[`p${index}`];
          master!.forEach((value, k) => {
            const want = expected[index][k];
            const change = Math.abs(want - got.start[index][k]);
            const allowed = 1e-5 * change + 2 ** -22 * Math.abs(want) + 1e-7;
            assert.ok(
              Math.abs(value - want) <= allowed,
              `[${SHAPES[index]}][${k}]: ${value}, ${want}`,
            );
          });
          using rounded = Tensor.from(device, master!, { shape: SHAPES[index], dtype });
          assertSameBits(values, await rounded.data());
        }
      },
    );
  }

  testOnEachDevice(
    `steps too small for ${dtype} add up with master weights and stochastic rounding, and are lost otherwise`,
    async (device) => {
      const move = async (options: OptimizerOptions) => {
        using parameter = new Parameter(device, new Float32Array(4096).fill(1), {
          shape: [64, 64],
          dtype,
          name: "p",
        });
        using optim = new Adafactor([parameter], {
          lr: 2 ** -13,
          scaleParameter: false,
          ...options,
        });
        for (let step = 1; step <= 32; step++) {
          const gradient = new Float32Array(4096).fill(1);
          parameter.grad = Tensor.from(device, gradient, { shape: [64, 64], dtype: "f32" });
          await optim.step();
        }
        const values = await parameter.data();
        return 1 - values.reduce((sum, value) => sum + value, 0) / values.length;
      };
      const wanted = 32 * 2 ** -13;
      assert.equal(await move({}), 0);
      assert.ok(Math.abs(await move({ masterWeights: true }) - wanted) <= SPACING[dtype]);
      const atRandom = await move({ rounding: "stochastic" });
      assert.ok(Math.abs(atRandom - wanted) <= 0.1 * wanted, `${atRandom}`);
      assert.equal(await move({ rounding: "stochastic" }), atRandom);
      assert.notEqual(await move({ rounding: "stochastic", seed: 1 }), atRandom);
    },
  );
}

testOnEachDevice(
  "a training with 16-bit parameters resumes from its state bit by bit",
  async (device) => {
    for (
      const options of [
        { ...OPTIONS, masterWeights: true, momentumDtype: "bf16" },
        { ...OPTIONS, rounding: "stochastic", scaleParameter: false },
      ] as const
    ) {
      const make = (values: readonly Float32Array[] | undefined) =>
        EVEN_SHAPES.map((shape, index) =>
          new Parameter(device, values?.[index] ?? initialParameter({ shape }), {
            shape,
            dtype: "bf16",
            name: `p${index}`,
          })
        );
      const stepAll = async (optim: Adafactor, from: number, to: number) => {
        for (let step = from + 1; step <= to; step++) {
          for (const parameter of optim.parameters) {
            const { shape } = parameter;
            const values = gradientAt(step, { shape, gradientScale: 0.01 });
            parameter.grad = Tensor.from(device, values, { shape, dtype: "bf16" });
          }
          await optim.step();
        }
        const all = optim.parameters.map((parameter) => parameter.data() as Promise<Float32Array>);
        return await Promise.all(all);
      };
      using scope = new DisposableStack();
      const optimizer = (values?: readonly Float32Array[]) => {
        const parameters = make(values).map((parameter) => scope.use(parameter));
        return scope.use(new Adafactor(parameters, options));
      };
      const whole = optimizer();
      const half = await stepAll(whole, 0, 3);
      const state = await whole.stateDict();
      const expected = await stepAll(whole, 3, 6);
      const resumed = optimizer(half);
      resumed.loadStateDict(state);
      assertSameBits(await stepAll(resumed, 3, 6), expected);
      for (const { parameters } of [whole, resumed]) for (const each of parameters) each.zeroGrad();
    }
  },
);
