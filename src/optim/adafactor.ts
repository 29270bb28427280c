// Adafactor (Shazeer & Stern 2018, alg. 4-6), one step t for a parameter p with gradient g, both [batch, rows, cols]:
//
//   R <- b2 R + (1 - b2) mean_j(g^2 + eps1)       C <- b2 C + (1 - b2) mean_i(g^2 + eps1)       b2 = 1 - t^decayRate
//   u  = g rsqrt(R / mean R) rsqrt(C)             u <- u / max(1, RMS(u) / clipThreshold)
//   a  = rho_t (scaleParameter ? max(eps2, RMS(p)) : 1)
//   p <- p - a weightDecay p - a u                (with beta1: a running average of a u is applied instead)
//
// Options turn this into what other implementations compute (optim/options/presets.ts).
//
// Three passes over memory: sums of g^2, sum of u^2, apply (which leaves the next step's sum of p^2). Between them lie
// two exchanges of sums, empty on one device; everything that differs when parameters are split is in the methods of
// WholeParameters, which DistributedAdaFactor overrides.
//
// A gradient that is not finite: on one device the kernels find out for themselves (a guard word, read once at the end
// of the step) and leave everything as it was; with several ranks the host sees every sum anyway and stops before
// anything is changed, on all ranks alike.

import type { Device, DeviceBuffer } from "../device/device.ts";
import { scale } from "../ops/scale.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor } from "../tensor/tensor.ts";
import type { OptimizerState } from "./state/parameter_state.ts";
import { runStep } from "./step/step.ts";
import { diagnose, type ParameterDiagnostics } from "./step/diagnostics.ts";
import { LossScaler } from "./options/loss_scaler.ts";
import { NonFiniteGradientError } from "./step/non_finite.ts";
import { checkOptionShape } from "./options/option_shape.ts";
import { OptimizerStates, type Owned } from "./state/optimizer_states.ts";
import {
  type OptimizerOptions,
  type ParameterGroup,
  parseGroups,
  withGradients,
} from "./options/parameter_groups.ts";
import { PresentPlan } from "./plan/present_plan.ts";
import { requireRoundable } from "./options/rounding_rule.ts";
import { WholeParameters } from "./whole_parameters.ts";

/** Options of one `step()`. */
export interface StepOptions {
  /**
   * Gradients are divided by it, at no cost: the number of micro-batches that `backward()` has added up since
   * `zeroGrad()`, where the loss is to be their mean. Default 1.
   */
  readonly gradientDivisor?: number;
}

/**
 * Adafactor on one device: keeps a row and a column of statistics per matrix instead of the whole second moment.
 *
 * Parameters are f32, f16 or bf16 of any shape; by default the last two dims are factored; vectors and scalars keep the full moment.
 * State: (rows + cols + 1) floats per matrix.
 *
 * Source: Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost" (2018), algorithms 4-6;
 * arguments and defaults as in `transformers.Adafactor`; {@linkcode presets} holds other implementations' choices.
 *
 * @example
 * ```ts
 * import { Adafactor, mean, mul, Parameter, requestDevice } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice();
 * using weight = new Parameter(device, [1, 2, 3, 4], { shape: [2, 2] });
 * using optim = new Adafactor([weight], { lr: 1e-3 });
 * using loss = mean(mul(weight, weight));
 * await optim.backward(loss);
 * await optim.step();
 * optim.zeroGrad();
 * ```
 */
export class Adafactor extends WholeParameters implements Disposable {
  readonly #nonFinite: "error" | "skip";
  readonly #maxNorm: number | undefined;
  readonly #fixedLossScale: number;
  readonly #lossScaler: LossScaler | undefined;
  readonly #states = new OptimizerStates();
  readonly #guard: DeviceBuffer;
  #present: PresentPlan | undefined;
  #busy = false;
  #skippedSteps = 0;

  /**
   * Optimizes `parameters`, all on one device: parameters, or groups of them with options of their own.
   *
   * @throws {TypeError} if an option does not exist, options exclude each other, parameters are given twice or on several devices, or
   *   one that is to be rounded stochastically has rows of an odd number of 16-bit elements
   * @throws {RangeError} if a number is outside its range, or there is no parameter
   */
  constructor(parameters: Iterable<Parameter | ParameterGroup>, options: OptimizerOptions = {}) {
    checkOptionShape(options, "optimizer");
    const { maxGradientNorm, nonFinite = "error", lossScale = 1, ...defaults } = options;
    if (typeof lossScale === "number" && !(lossScale > 0 && lossScale < Infinity)) {
      throw new RangeError(`lossScale must be > 0: current value is ${lossScale}`);
    }
    if (maxGradientNorm !== undefined && !(maxGradientNorm > 0)) {
      throw new RangeError(`maxGradientNorm must be > 0: current value is ${maxGradientNorm}`);
    }
    super(parseGroups(parameters, defaults));
    // A subclass learns how its parameters are cut only later, and asks then.
    if (new.target === Adafactor) requireRoundable(this.hyper, ({ layout }) => layout);
    this.#nonFinite = nonFinite;
    this.#maxNorm = maxGradientNorm;
    this.#fixedLossScale = typeof lossScale === "number" ? lossScale : 1;
    if (lossScale === "dynamic") this.#lossScaler = new LossScaler();
    if (typeof lossScale === "object") this.#lossScaler = new LossScaler(lossScale);
    this.#guard = this.#device.allocate(4);
  }

  /** Steps that changed nothing as a gradient was NaN or infinite (with `nonFinite: "skip"`). */
  get skippedSteps(): number {
    return this.#skippedSteps;
  }

  /** What `backward()` multiplies the loss by now. */
  get lossScale(): number {
    return this.#lossScaler?.scale ?? this.#fixedLossScale;
  }

  /** Computes gradients of `loss`, a scalar, times `lossScale`; they add to those already there. */
  async backward(loss: FloatTensor): Promise<void> {
    await this.scaledLoss(loss).backward();
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.zeroGrad();
  }

  /**
   * Updates every parameter from its gradient. Gradients stay until `zeroGrad`, and `backward()` adds to them: call it
   * for several micro-batches, then `step({ gradientDivisor })`.
   *
   * @throws {TypeError} if a parameter has no gradient (unless `missingGradients: "skip"`)
   * @throws {NonFiniteGradientError} if a gradient is NaN or infinite (unless `nonFinite: "skip"`); nothing was changed
   */
  async step({ gradientDivisor = 1 }: StepOptions = {}): Promise<void> {
    if (!(gradientDivisor >= 1 && gradientDivisor < Infinity)) {
      throw new RangeError(`gradientDivisor must be >= 1: current value is ${gradientDivisor}`);
    }
    await this.alone(async () => {
      await this.gatherGradients();
      const active = withGradients(this.hyper, (parameter) => this.hasGradient(parameter));
      if (this.#mayLackGradients) await this.agreeOn(active);
      if (active.length === 0) return;
      try {
        await this.#update(this.#planFor(active), gradientDivisor);
      } catch (error) {
        if (!(error instanceof NonFiniteGradientError)) throw error;
        this.#lossScaler?.backOff();
        if (this.#nonFinite === "error" && this.#lossScaler === undefined) throw error;
        this.#skippedSteps += 1;
      }
    });
  }

  /**
   * The whole state by parameter name, independent of the mesh; every rank must call it and gets the same.
   *
   * @throws {TypeError} if two parameters have one name
   */
  async stateDict(): Promise<OptimizerState> {
    return await this.alone(async () => {
      const saved = await this.#states.save(this.#owned(this.parameters));
      if (this.#lossScaler === undefined) return saved;
      const { scale, goodSteps } = this.#lossScaler.state;
      for (const each of Object.values(saved)) {
        each.lossScale = scale;
        each.lossScaleGoodSteps = goodSteps;
      }
      return saved;
    });
  }

  /**
   * Goes on from `saved`, on whatever mesh. Parameters' values are loaded on their own.
   *
   * @throws {TypeError} if it is not the state of these parameters with these options; nothing was changed
   */
  loadStateDict(saved: Readonly<OptimizerState>): void {
    this.requireIdle();
    this.#states.load(saved, this.#owned(this.parameters));
    const [{ lossScale, lossScaleGoodSteps }] = Object.values(saved);
    if (this.#lossScaler !== undefined && lossScale !== undefined) {
      this.#lossScaler.state = { scale: lossScale, goodSteps: lossScaleGoodSteps ?? 0 };
    }
    this.forgetPlan();
  }

  /**
   * What the last step did to each of its parameters, by name: read from the device now, at no cost to steps. All ranks
   * must call it. Zero gradients are counted only until `zeroGrad()`.
   *
   * @throws {TypeError} before the first step, and after one that was refused or skipped
   */
  async diagnostics(): Promise<Record<string, ParameterDiagnostics>> {
    return await this.alone(async () => {
      const present = this.#present;
      if (!present?.plan.isFinished) {
        throw new TypeError("Cannot diagnose as the last step did not take place: step first");
      }
      const { plan, memory: { steps }, lossScale } = present;
      return await diagnose(plan, {
        device: this.#device,
        steps,
        groups: this.groups,
        lossScale,
        gradientOf: (parameter) => this.readGradient(parameter),
      });
    });
  }

  /** Gives back all device memory that the optimizer holds. */
  [Symbol.dispose](): void {
    this.forgetPlan();
    this.#states[Symbol.dispose]();
    this.#guard[Symbol.dispose]();
  }

  /** The loss times the present scale. */
  protected scaledLoss(loss: FloatTensor): FloatTensor {
    return this.lossScale === 1 ? loss : scale(loss, this.lossScale);
  }

  /** To be called when blocks or groups change. */
  protected forgetPlan(): void {
    this.#present?.[Symbol.dispose]();
    this.#present = undefined;
    this.#states.forgetSquares();
  }

  /** Whether any step was taken. */
  protected get started(): boolean {
    return !this.#states.isEmpty;
  }

  /** Runs `work` unless something else is under way. */
  protected async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    this.requireIdle();
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  /** Does nothing where no step or backward is under way. @throws {TypeError} if one is */
  protected requireIdle(): void {
    if (this.#busy) {
      throw new TypeError(
        "Cannot start as something else is not finished: await step(), and with ZeRO stage 2 backward()",
      );
    }
  }

  get #device(): Device {
    return [...this.hyper.keys()][0].device;
  }

  get #mayLackGradients(): boolean {
    return [...this.hyper.values()].some(({ missingGradients }) => missingGradients === "skip");
  }

  async #update(present: PresentPlan, gradientDivisor: number): Promise<void> {
    const { plan, memory, confidence } = present;
    const parameters = plan.sources.map(({ parameter }) => parameter);
    using scope = new DisposableStack();
    const grads = await this.gradientBlocks(parameters, scope);
    present.lossScale = this.lossScale;
    await runStep(plan, {
      device: this.#device,
      memory,
      confidence,
      guard: this.#guard,
      grads,
      isAlone: this.groups.length === 0,
      scaling: { divisor: gradientDivisor * this.lossScale, maxNorm: this.#maxNorm },
    });
    this.#lossScaler?.grow();
    await this.publish(parameters);
  }

  #planFor(parameters: readonly Parameter[]): PresentPlan {
    if (this.#present?.isFor(parameters)) return this.#present;
    // Views first: what they refuse leaves the present plan as it is.
    const owned = this.#owned(this.parameters);
    this.forgetPlan();
    this.#states.makeAll(owned);
    const active = new Set(parameters);
    const participants = owned.map((each, index) => ({ ...each, index }))
      .filter(({ parameter }) => active.has(parameter))
      .map((each) => ({
        ...each,
        paramOffset: this.offsetOf(each.parameter),
        state: this.#states.of(each),
      }));
    return this.#present = new PresentPlan(this.#device, participants, this.groups);
  }

  #owned(parameters: readonly Parameter[]): Owned[] {
    return parameters.map((parameter) => ({
      parameter,
      hyper: this.hyper.get(parameter)!,
      view: this.viewOf(parameter),
    }));
  }
}
