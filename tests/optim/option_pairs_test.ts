// Every pair of Adafactor's options, storage types and shapes that may stand together, in some training, against the equations in
// float64. Each training has two parameters with options of their own, so that unlike ones share a plan.

import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.ts";
import { Adafactor } from "../../src/optim/adafactor.ts";
import {
  type AdafactorOptions,
  type Hyperparameters,
  parseHyperparameters,
} from "../../src/optim/options/hyperparameters.ts";
import type { FloatType } from "../../src/tensor/dtype.ts";
import { Parameter } from "../../src/tensor/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { ReferenceAdafactor } from "../reference/adafactor.ts";
import { coveringArray, type Row } from "../support/covering_array.ts";
import { webgpuTest } from "../support/device/webgpu_adapter.ts";
import { wasmDevice } from "../../src/device/wasm/device.ts";
import { requestDevice } from "../../src/device/request_device.ts";
import { gradientAt, initialParameter } from "../support/optim/golden.ts";

/** How a parameter is stored and stepped. */
interface Storage {
  readonly dtype: FloatType;
  readonly masterWeights?: true;
  readonly rounding?: "stochastic";
}

const schedule = (step: number) => 0.04 / step;
const factors = {
  shape: [[2, 4, 6], [5, 7], [3, 5, 9], [12], [2, 2, 3, 4], []],
  storage: [
    { dtype: "f32" },
    { dtype: "bf16" },
    { dtype: "bf16", masterWeights: true },
    { dtype: "bf16", rounding: "stochastic" },
    { dtype: "f16" },
    { dtype: "f16", masterWeights: true },
    { dtype: "f16", rounding: "stochastic" },
  ] as Storage[],
  gradientDtype: ["f32", "like the parameter"],
  perMatrix: [undefined, true],
  algorithm: [undefined, "came"],
  beta1: [0.9, undefined, 0],
  momentumOf: ["update", undefined],
  momentumDtype: [undefined, "bf16"],
  cautious: [undefined, true],
  beta3: [undefined, 0.9],
  factoring: [
    undefined,
    "none",
    { largestTwo: 4 },
    { largestTwo: 8 },
    "rows first",
  ],
  lr: [0.05, undefined, schedule],
  relativeStep: [undefined, "capped", true],
  warmupInit: [undefined, true],
  eps: [undefined, [1e-4, 0.02]],
  epsMode: [undefined, "clamp"],
  clipThreshold: [undefined, 0.5, "none"],
  decayRate: [undefined, -0.5],
  decayOffset: [undefined, 2],
  beta2Cap: [undefined, 0.6],
  beta2: [undefined, (step: number) => step === 1 ? 0 : 0.7],
  weightDecay: [undefined, 0.1],
  weightDecayBy: [
    undefined,
    "step",
    "absolute",
    "lr",
    { lrPower: 2 },
    { lrSquaredOver: 0.1 },
    schedule,
  ],
  scaleParameter: [false, undefined],
  scaleCeiling: [undefined, 0.03],
  maximize: [undefined, true],
  seed: [undefined, 7],
  missingGradients: [undefined, "skip"],
  nonFinite: [undefined, "skip"],
  lossScale: [undefined, 8],
  maxGradientNorm: [undefined, 0.02],
  gradientDivisor: [1, 3],
} as const;

type Case = Row<typeof factors>;

/** Whether options may stand together, as far as they are given. */
function isAllowed(row: Partial<Case>): boolean {
  const is = <Name extends keyof Case>(name: Name, ...values: readonly Case[Name][]) =>
    name in row && values.includes(row[name] as Case[Name]);
  const isCame = is("algorithm", "came");
  const byRate = is("weightDecayBy", "lr") ||
    (typeof row.weightDecayBy === "object" && row.weightDecayBy !== null);
  const { shape, storage } = row;
  const isUneven = shape !== undefined && shape.length > 1 && shape.at(-1)! % 2 === 1;
  return !(
    isCame &&
      (is("beta1", undefined) || is("momentumOf", undefined) || is("scaleParameter", undefined) ||
        is("cautious", true)) ||
    is("cautious", true) && is("beta1", undefined) ||
    is("lr", 0.05, schedule) && (is("relativeStep", true) || is("warmupInit", true)) ||
    is("lr", undefined) && (is("relativeStep", "capped") || byRate) ||
    is("relativeStep", true) && byRate ||
    is("warmupInit", true) && (is("relativeStep", "capped") || byRate) ||
    is("factoring", "rows first") &&
      (shape !== undefined && shape.length !== 3 || storage?.rounding !== undefined) ||
    // The largest two of [2, 2, 3, 4] are the last; of [3, 5, 9] and [2, 4, 6], too.
    storage?.rounding !== undefined && isUneven
  );
}

/** The options of a parameter. */
function optionsOf(row: Case): AdafactorOptions {
  const {
    shape: _shape,
    storage: { dtype: _dtype, ...storage },
    gradientDtype: _gradientDtype,
    nonFinite: _nonFinite,
    lossScale: _lossScale,
    maxGradientNorm: _maxGradientNorm,
    gradientDivisor: _gradientDivisor,
    factoring,
    ...options
  } = row;
  const given = {
    ...options,
    ...storage,
    factoring: factoring === "rows first" ? ["row", "batch", "col"] : factoring,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const STEPS = 4;
const SPACING = { f32: 2 ** -23, f16: 2 ** -10, bf16: 2 ** -7 };

/** Trains a parameter of each row with the optimizer's options of the first, and compares both with the reference. */
async function assertFollows(device: Device, rows: readonly [Case, Case]): Promise<void> {
  const [{ nonFinite, lossScale, maxGradientNorm, gradientDivisor }] = rows;
  const whole = Object.fromEntries(
    Object.entries({ nonFinite, lossScale, maxGradientNorm })
      .filter(([, value]) => value !== undefined),
  );
  const scaled = (values: readonly number[]) => values.map((value) => value * (lossScale ?? 1));
  using scope = new DisposableStack();
  const parameters = rows.map(({ shape, storage: { dtype }, gradientDtype }, index) =>
    scope.use(
      new Parameter(device, initialParameter({ shape }), {
        shape,
        dtype,
        gradientDtype: gradientDtype === "f32" ? "f32" : dtype,
        name: `p${index}`,
      }),
    )
  );
  // It never has a gradient.
  const idle = rows.every(({ missingGradients }) => missingGradients === "skip")
    ? [scope.use(new Parameter(device, [1, 2], { shape: [2], name: "idle" }))]
    : [];
  const start = await Promise.all(parameters.map((parameter) => parameter.data()));
  const groups = parameters.map((parameter, index) => ({
    ...optionsOf(rows[index]),
    parameters: index === 0 ? [parameter, ...idle] : [parameter],
  }));
  const optim = scope.use(new Adafactor(groups, whole));
  const hypers = rows.map((row) => parseHyperparameters(optionsOf(row)));
  const references = rows.map((row, index) => new Reference(start[index], row, hypers[index]));
  for (let step = 1; step <= STEPS; step++) {
    for (const parameter of parameters) {
      const { shape, gradientDtype: dtype } = parameter;
      const values = scaled(gradientAt(step, { shape, gradientScale: 0.02 }));
      if (nonFinite === "skip" && step === 3) {
        parameter.grad = Tensor.from(device, values.map(() => NaN), { shape, dtype });
        await optim.step({ gradientDivisor });
      }
      parameter.grad = Tensor.from(device, values, { shape, dtype });
    }
    const gradients = await Promise.all(parameters.map(({ grad }) => grad!.data()));
    await optim.step({ gradientDivisor });
    const divisor = gradientDivisor * (lossScale ?? 1);
    const norm = Math.hypot(...gradients.flatMap((each) => [...each])) / divisor;
    const gradientScale = Math.min(1, (maxGradientNorm ?? Infinity) / norm) / divisor;
    for (const [index, reference] of references.entries()) {
      reference.step(gradients[index], { step, gradientScale });
    }
    // State that is saved and loaded in between changes nothing.
    if (step === 2) optim.loadStateDict(await optim.stateDict());
  }
  assert.equal(optim.skippedSteps, nonFinite === "skip" ? 2 : 0);
  const saved = await optim.stateDict();
  for (const [index, reference] of references.entries()) {
    const { storage: { dtype, masterWeights }, momentumDtype, beta1 } = rows[index];
    const values = await parameters[index].data();
    const what = `p${index} of ${Deno.inspect(rows, { depth: 5 })}`;
    const expected = reference.values;
    const moved = norm(expected, start[index]);
    // Rounded momentum is off by half its spacing from step to step.
    const share = momentumDtype === "bf16" && beta1 !== undefined ? 2 ** -7 : 2e-5;
    const master = masterWeights === true ? reference.arranged(saved[`p${index}`].master!) : values;
    const spacing = masterWeights === true ? SPACING.f32 : SPACING[dtype];
    const sizes = Float64Array.from(
      expected,
      (value, k) => Math.max(Math.abs(value), Math.abs(start[index][k]), 2e-3),
    );
    const allowed = share * moved + STEPS * spacing * norm(sizes);
    const difference = norm(expected, master);
    assert.ok(
      difference <= allowed,
      `off by ${difference}, allowed ${allowed}, moved ${moved}: ${what}`,
    );
    // 16 bits, and the first steps of a warm-up, may be too coarse to show that anything has moved.
    const isFine = (dtype === "f32" || masterWeights === true) && rows[index].warmupInit !== true;
    if (isFine) {
      assert.ok(moved > 10 * allowed, `standing still would pass: moved ${moved}, ${what}`);
    }
    if (masterWeights === true) {
      const rounded = norm(expected, values);
      assert.ok(rounded <= allowed + SPACING[dtype] * norm(sizes), `the parameter itself: ${what}`);
    }
  }
  for (const parameter of parameters) parameter.zeroGrad();
}

/** A parameter by the reference, with matrices by themselves where options say so, and its dims in the order of its factoring. */
class Reference {
  readonly #parts: readonly ReferenceAdafactor[];
  readonly #hyper: Hyperparameters;
  /** Where each of the reference's elements is in the parameter. */
  readonly #places: readonly number[];

  constructor(start: ArrayLike<number>, row: Case, hyper: Hyperparameters) {
    const { shape, factoring } = row;
    const [a, b, c] = shape;
    const isMoved = factoring === "rows first";
    this.#hyper = hyper;
    this.#places = Array.from(start, (_, k) => {
      if (!isMoved) return k;
      const [batch, rest] = [Math.floor(k / (a! * c!)), k % (a! * c!)];
      return (Math.floor(rest / c!) * b! + batch) * c! + rest % c!;
    });
    const arranged = isMoved ? [b!, a!, c!] : [...shape];
    const second = [...shape].sort((one, other) => other - one)[1] ?? 0;
    const isFactored = shape.length >= 2 && factoring !== "none" &&
      !(typeof factoring === "object" && second < factoring.largestTwo);
    const values = this.#places.map((place) => start[place]);
    const numParts = row.perMatrix === true && isFactored
      ? arranged.slice(0, -2).reduce((product, each) => product * each, 1)
      : 1;
    const size = values.length / numParts;
    this.#parts = Array.from(
      { length: numParts },
      (_, part) =>
        new ReferenceAdafactor(values.slice(part * size, (part + 1) * size), {
          shape: numParts === 1 ? arranged : arranged.slice(-2),
          isFactored,
        }),
    );
  }

  step(
    gradient: ArrayLike<number>,
    options: { readonly step: number; readonly gradientScale: number },
  ): void {
    const arranged = this.#places.map((place) => gradient[place]);
    const size = arranged.length / this.#parts.length;
    for (const [part, reference] of this.#parts.entries()) {
      const own = arranged.slice(part * size, (part + 1) * size);
      reference.step(own, { ...options, hyper: this.#hyper });
    }
  }

  /** In the parameter's order. */
  get values(): Float64Array {
    return this.#inOrder(this.#parts.flatMap(({ parameter }) => [...parameter]));
  }

  /** A saved tensor, which is [batch, rows, cols], in the parameter's order. */
  arranged(saved: Float32Array): Float64Array {
    return this.#inOrder([...saved]);
  }

  #inOrder(values: readonly number[]): Float64Array {
    const out = new Float64Array(values.length);
    this.#places.forEach((place, k) => out[place] = values[k]);
    return out;
  }
}

function norm(values: ArrayLike<number>, from?: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values, (value, k) => value - (from?.[k] ?? 0)));
}

const rows = coveringArray(factors, isAllowed);

Deno.test(`Adafactor follows float64 with every pair of options, storage types and shapes, in ${rows.length} trainings (wasm)`, async () => {
  using device = wasmDevice();
  for (const [index, row] of rows.entries()) {
    await assertFollows(device, [row, rows[(index + 1) % rows.length]]);
  }
});

/** What kernels and plans depend on; other options are numbers to them. */
const kernelFactors = {
  ...Object.fromEntries(Object.entries(factors).map(([name, [first]]) => [name, [first]])),
  shape: factors.shape.slice(0, 4),
  storage: factors.storage.slice(0, 4),
  perMatrix: factors.perMatrix,
  algorithm: factors.algorithm,
  beta1: factors.beta1.slice(0, 2),
  cautious: factors.cautious,
  momentumDtype: factors.momentumDtype,
} as unknown as typeof factors;
const kernelRows = coveringArray(kernelFactors, isAllowed);

webgpuTest(
  `Adafactor follows float64 with every pair of what kernels depend on, in ${kernelRows.length} trainings (webgpu)`,
  async () => {
    using device = await requestDevice({ kind: "webgpu" });
    for (const [index, row] of kernelRows.entries()) {
      await assertFollows(device, [row, kernelRows[(index + 1) % kernelRows.length]]);
    }
  },
);
