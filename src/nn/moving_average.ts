// Exponential moving averages of a module's parameters, on the device, in f32. After update n, with decay d:
//
//   average += w_n (parameter - average)
//
//   corrected   w_n = (1 - d) / (1 - d^n)                     the mean of the n values so far with weights d^(n - k)
//   warmup      w_n = 1 - min(d, n / (n + 9))
//   initial     w_n = 1 - d                                   begins with the values at construction
//
// Averages have the layout of their parameters, so ranks among which a module is split average their own parts.

import { storageTypes } from "../device/storage_types.ts";
import { sub } from "../ops/add.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { Parameter } from "../tensor/parameter.ts";
import { keep, noGrad } from "../tensor/scope.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/**
 * Options of {@linkcode ExponentialMovingAverage}.
 *
 * @category Layers
 */
export interface MovingAverageOptions {
  /** d, the share of the average that an update keeps: from 0 to below 1. Default: 0.999. */
  readonly decay?: number;
  /**
   * How the first updates differ, of which there is little to average. "corrected": the average is the mean of the values at updates with
   * weights d^age (the bias correction of Adam). "warmup": update n keeps min(d, n / (n + 9)). "initial": all updates keep d, and the
   * values at construction count as the average before. Default: "corrected".
   */
  readonly start?: "corrected" | "warmup" | "initial";
}

/**
 * Exponential moving averages of a module's trained parameters, which often predict better than the last values. They are f32 on the
 * module's device, whatever the parameters are stored in; frozen parameters and buffers have none. It is a module itself: `forward()`
 * is the module's with the averages, and `saveModule(average, path)` and `loadModule(average, path)` keep what goes on from there.
 * Disposing it releases the averages, and not the module.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   Adafactor,
 *   ExponentialMovingAverage,
 *   Linear,
 *   mean,
 *   mul,
 *   requestDevice,
 *   Tensor,
 * } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using model = new Linear(device, { inFeatures: 2, outFeatures: 1 });
 * using optim = new Adafactor(model.parameters(), { lr: 0.1, relativeStep: false });
 * using average = new ExponentialMovingAverage(model, { decay: 0.9 });
 * using x = Tensor.from(device, [1, 2], { shape: [1, 2] });
 * for (let step = 0; step < 5; step++) {
 *   const y = await model.forward(x);
 *   using loss = mean(mul(y, y));
 *   await optim.backward(loss);
 *   await optim.step();
 *   optim.zeroGrad();
 *   await average.update();
 * }
 * const last = await model.weight.data();
 * {
 *   using _ = average.apply(); // saveModule(model, path) here saves the averages as the model
 *   assert.notDeepEqual(await model.weight.data(), last);
 * }
 * assert.deepEqual(await model.weight.data(), last);
 * ```
 *
 * @category Layers
 */
export class ExponentialMovingAverage<Input = Tensor> extends Module<Input> {
  /** The averages, by the paths of the module's parameters: this rank's parts, in f32. */
  readonly averages: ReadonlyMap<string, Parameter>;
  /** The number of updates so far [1], which `saveModule()` saves; exact to 2^24. */
  readonly updates: Parameter;
  readonly #module: Module<Input>;
  readonly #parameters: readonly (readonly [parameter: Parameter, average: Parameter])[];
  readonly #options: Required<MovingAverageOptions>;
  #numUpdates = 0;
  /** `updates.version` that `#numUpdates` is of. */
  #version: number;
  #isApplied = false;

  /**
   * Averages the parameters of `module` that are trained now.
   *
   * @throws {TypeError} if `module` is none or has no trained parameters, or an option is unknown.
   * @throws {RangeError} if `decay` or `start` is none of those possible.
   */
  constructor(module: Module<Input>, options: MovingAverageOptions = {}) {
    super();
    if (!(module instanceof Module)) {
      throw new TypeError("ExponentialMovingAverage wants a module, such as a layer or a model");
    }
    checkOptions("ExponentialMovingAverage", options, ["decay", "start"]);
    const { decay = 0.999, start = "corrected" } = options;
    if (!(decay >= 0 && decay < 1)) {
      throw new RangeError(
        `ExponentialMovingAverage wants decay from 0 to below 1, got ${decay}`,
      );
    }
    if (!STARTS.includes(start)) {
      throw new RangeError(
        `ExponentialMovingAverage wants start to be one of ${STARTS.join(", ")}, got ${start}`,
      );
    }
    const trained = [...module.namedParameters()].filter(([, each]) => each.requiresGrad);
    if (trained.length === 0) {
      throw new TypeError("ExponentialMovingAverage wants a module with trained parameters");
    }
    this.#module = module;
    this.#options = { decay, start };
    this.averages = new Map(trained.map(([name, each]) => [name, averageOf(each)]));
    this.#parameters = trained.map(([name, each]) => [each, this.averages.get(name)!]);
    this.updates = new Parameter(trained[0][1].device, [0], { shape: [1], isBuffer: true });
    this.#version = this.updates.version;
  }

  /**
   * Takes the parameters as they are now into the averages: call it after each step of the optimizer. No values leave the device.
   *
   * @throws {Error} while the averages are applied.
   */
  async update(): Promise<void> {
    await this.#readNumber();
    this.#requireRestored("update()");
    const number = this.#numUpdates + 1;
    const factor = this.#weightOf(number);
    for (const [parameter, average] of this.#parameters) {
      using change = noGrad(() => sub(parameter, average));
      const { device, length } = average;
      device.run("accumulate", { x: change.buffer, out: average.buffer }, { length, factor });
    }
    this.updates.write([number]);
    this.#numUpdates = number;
    this.#version = this.updates.version;
  }

  /**
   * Has the module's parameters hold the averages, rounded to their own type, until the result is disposed of, which puts back what they
   * held, bit for bit: an optimizer goes on as if nothing had been. Do not step or load meanwhile.
   *
   * @returns what restores the parameters; disposing it throws an Error if one was written meanwhile, and restores all the same
   * @throws {Error} if the averages are applied already.
   */
  apply(): Disposable {
    this.#requireRestored("apply()");
    this.#isApplied = true;
    const swapped = this.#parameters.map(([parameter, average]) => {
      const before = keep(parameter.copy());
      overwrite(parameter, average);
      return { parameter, before, numWrites: parameter.numWrites };
    });
    return {
      [Symbol.dispose]: () => {
        const written: string[] = [];
        for (const { parameter, before, numWrites } of swapped.splice(0)) {
          if (parameter.numWrites !== numWrites) written.push(parameter.name);
          overwrite(parameter, before);
          before[Symbol.dispose]();
          this.#isApplied = false;
        }
        if (written.length === 0) return;
        throw new Error(
          `${
            written.join(", ")
          } changed while averages were applied, and what was written is lost: ` +
            "step and load after disposing of what apply() returned",
        );
      },
    };
  }

  /** The module's output with the averages, without gradients; the parameters hold these meanwhile. */
  override async forward(input: Input): Promise<Tensor> {
    using _ = this.apply();
    return await noGrad(() => this.#module.forward(input));
  }

  #weightOf(number: number): number {
    const { decay, start } = this.#options;
    if (start === "corrected") return (1 - decay) / (1 - decay ** number);
    return 1 - (start === "warmup" ? Math.min(decay, number / (number + 9)) : decay);
  }

  /** Reads the number of updates if it was loaded. */
  async #readNumber(): Promise<void> {
    const { version } = this.updates;
    if (version === this.#version) return;
    const [number] = await this.updates.data();
    if (version !== this.updates.version) return await this.#readNumber();
    this.#numUpdates = number;
    this.#version = version;
  }

  #requireRestored(what: string): void {
    if (!this.#isApplied) return;
    throw new Error(
      `${what} of an ExponentialMovingAverage whose averages are applied: dispose of what apply() returned first`,
    );
  }
}

/** A copy in f32, of the same layout. */
function averageOf(parameter: Parameter): Parameter {
  const memory = parameter.copyMemory("f32");
  return new Parameter(parameter.device, memory, { layout: parameter.layout, isBuffer: true });
}

/** Writes the values on the device, rounded; `Parameter.version` stays, as they are put back before the optimizer steps. */
function overwrite(parameter: Parameter, values: FloatTensor): void {
  const { device, length } = parameter;
  device.run("cast", { x: values.buffer, out: parameter.buffer }, {
    fromType: storageTypes[values.dtype],
    toType: storageTypes[parameter.dtype],
    fromOffset: 0,
    toOffset: 0,
    length,
  });
}

const STARTS: readonly string[] = ["corrected", "warmup", "initial"];
