// One half of an optimizer: parameters with their options, gradients, loss scaling, states and the plan of a step. The other
// half, an update rule (optim/step/update_rule.ts), says what a step computes; a placement (optim/placement/placement.ts),
// where parameters and gradients are. Any rule works with any placement.
//
// A gradient that is not finite: on one device the kernels find it (a guard word, which the host reads at the end of the step)
// and leave everything as it was; with several ranks the host reads every sum anyway and stops before anything is changed,
// on all ranks alike.

import type { Device, DeviceBuffer } from "../device/device.ts";
import { scale } from "../ops/scale.ts";
import { checkOptions } from "../tensor/option_names.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor } from "../tensor/tensor.ts";
import { FirstAgreement } from "./first_agreement.ts";
import { LossScaler } from "./options/loss_scaler.ts";
import { type ParsedOptions, withGradients } from "./options/parameter_groups.ts";
import { requireRoundable } from "./options/rounding_rule.ts";
import type { SharedHyperparameters } from "./options/shared_options.ts";
import type { Placement } from "./placement/placement.ts";
import { OptimizerStates, type Owned } from "./state/optimizer_states.ts";
import type { SavedState } from "./state/parameter_state.ts";
import { stepInBackward } from "./step/backward_stepper.ts";
import { diagnose, type StepDiagnostics } from "./step/diagnostics.ts";
import { gradientNorm } from "./step/gradient_norm.ts";
import { NonFiniteGradientError } from "./step/non_finite.ts";
import { PresentPlan } from "./step/present_plan.ts";
import { runStep } from "./step/step.ts";
import { stepLabel } from "./step/step_label.ts";
import { StepPlans } from "./step/step_plans.ts";
import type { UpdateRule } from "./step/update_rule.ts";
import { UpdateWatch } from "./step/update_watch.ts";

/**
 * Options of one `step()`.
 *
 * @category Optimizers
 */
export interface StepOptions {
  /**
   * Gradients are divided by it, at no cost: the number of micro-batches that `backward()` has added up since
   * `zeroGrad()`, where the loss is to be their mean. Default 1.
   */
  readonly gradientDivisor?: number;
}

/**
 * Options of `backwardAndStep()`.
 *
 * @category Optimizers
 */
export interface StepInBackwardOptions {
  /** Parameters are stepped when they have gradients of so many bytes together. Default 8 MiB. */
  readonly bytesAtATime?: number;
}

/**
 * An optimizer with some update rule, such as {@linkcode Adafactor} and {@linkcode AdamW}. `Hyper` are a parameter's checked
 * options, `Saved` its saved state, `Measures` what the rule reports of it after a step.
 *
 * @category Optimizers
 */
export class Optimizer<Hyper extends SharedHyperparameters, Saved, Measures> implements Disposable {
  readonly #rule: UpdateRule<Hyper, Measures>;
  readonly #hyper: ReadonlyMap<Parameter, Hyper>;
  readonly #nonFinite: "error" | "skip";
  readonly #maxNorm: number | undefined;
  readonly #fixedLossScale: number;
  readonly #lossScaler: LossScaler | undefined;
  readonly #states: OptimizerStates<Hyper>;
  readonly #guard: DeviceBuffer;
  readonly #watch: UpdateWatch;
  readonly #agreement: FirstAgreement;
  #placement: Placement;
  readonly #plans = new StepPlans<Hyper, Measures>();
  #busy = false;
  #isDisposed = false;
  #skippedSteps = 0;

  /** Optimizes the parameters of the parsed options. @throws {TypeError} if one cannot be rounded as its options say */
  constructor(
    rule: UpdateRule<Hyper, Measures>,
    parsed: ParsedOptions<Hyper>,
    placement: Placement,
  ) {
    const { hyper, gradients } = parsed;
    this.#rule = rule;
    this.#hyper = hyper;
    this.#placement = placement;
    if (placement.isSetUp) this.#requireRoundable(placement);
    const { maxGradientNorm, nonFinite = "error", lossScale = 1, onLostUpdates } = gradients;
    this.#nonFinite = nonFinite;
    this.#maxNorm = maxGradientNorm;
    this.#fixedLossScale = typeof lossScale === "number" ? lossScale : 1;
    if (lossScale === "dynamic") this.#lossScaler = new LossScaler();
    if (typeof lossScale === "object") this.#lossScaler = new LossScaler(lossScale);
    this.#states = new OptimizerStates(rule);
    this.#agreement = new FirstAgreement(rule.name, parsed);
    this.#guard = this.#device.allocate(4);
    this.#watch = new UpdateWatch(() => this.#placement.groups, onLostUpdates);
  }

  /** The parameters, in the order given. */
  get parameters(): readonly Parameter[] {
    return [...this.#hyper.keys()];
  }

  /** Steps that changed nothing as a gradient was NaN or infinite (with `nonFinite: "skip"`). */
  get skippedSteps(): number {
    return this.#skippedSteps;
  }

  /** The factor of the loss in `backward()` now. */
  get lossScale(): number {
    return this.#lossScaler?.scale ?? this.#fixedLossScale;
  }

  /**
   * Computes gradients of `loss`, a scalar, times `lossScale`; they add to those already there.
   *
   * With ZeRO stage 2 all ranks call it together, and gradients are averaged over the data-parallel ranks bucket by bucket
   * while others are still computed: `parameter.grad` is undefined after it, as a rank keeps its own rows alone. What
   * `loss.backward()` or anything else leaves in `parameter.grad` is averaged and added by `step()`, as in stage 1. The
   * model's own backward must not use the data-parallel groups then.
   *
   * @throws {TypeError} with stage 2, on all ranks if only some of them have a gradient of a parameter; nothing was added.
   *   On a mesh, the first time, on all ranks if they have other options, parameters or values, naming them
   */
  async backward(loss: FloatTensor): Promise<void> {
    await this.agree();
    const scaled = () => this.lossScale === 1 ? loss : scale(loss, this.lossScale);
    if (!this.#placement.exchangesInBackward) return await this.#placement.backward(scaled);
    await this.#alone(() => this.#placement.backward(scaled));
  }

  /**
   * Compares with all other ranks what they must have alike: options, parameters, their values and loaded states. Otherwise the
   * first `backward()`, `step()` or `stateDict()` does it. All ranks call it together; where there is nothing new to compare, it
   * does nothing.
   *
   * @throws {TypeError} on all of them, naming what differs
   */
  async agree(): Promise<void> {
    const placement = this.#placement;
    const { parameters } = this;
    if (!this.#agreement.isDue(placement, parameters)) return;
    const { numSteps } = this.#states;
    await this.#alone(() => this.#agreement.reach(placement, { numSteps, parameters }));
  }

  /** Forgets all gradients. @throws {TypeError} while ranks exchange them, with ZeRO stage 2 */
  zeroGrad(): void {
    if (this.#placement.exchangesInBackward) this.#requireIdle();
    this.#placement.clearGradients();
    for (const parameter of this.parameters) parameter.zeroGrad();
  }

  /**
   * Updates every parameter from its gradient, on all ranks together. Gradients stay until `zeroGrad`, and `backward()` adds
   * to them: call it for several micro-batches, then `step({ gradientDivisor })`.
   *
   * @throws {TypeError} if a parameter has no gradient (unless `missingGradients: "skip"`), or before `setupDistributed()`. On
   *   a mesh, the first time, on all ranks if they have other options, parameters or values, naming them
   * @throws {NonFiniteGradientError} if a gradient is NaN or infinite (unless `nonFinite: "skip"`); nothing was changed
   */
  async step(options: StepOptions = {}): Promise<void> {
    checkOptions("step()", options, ["gradientDivisor"]);
    const { gradientDivisor = 1 } = options;
    await this.agree();
    await this.#placement.run(async () => {
      if (!(gradientDivisor >= 1 && gradientDivisor < Infinity)) {
        throw new RangeError(`gradientDivisor must be >= 1: current value is ${gradientDivisor}`);
      }
      await this.#alone(() => this.#stepAlone(gradientDivisor));
    });
  }

  /** Whether {@linkcode backwardAndStep} is possible: one rank, no bound of the gradients' norm, and no steps to be skipped. */
  get canStepInBackward(): boolean {
    return this.#placement.isAlone && this.#maxNorm === undefined &&
      this.#nonFinite === "error" && this.#lossScaler === undefined;
  }

  /**
   * As `backward(loss)`, `step()` and `zeroGrad()`, to the same bits: each parameter is stepped as soon as its gradient is complete, so
   * that only a few gradients are in memory at a time. Gradients of several losses cannot add up.
   *
   * @throws {TypeError} if several ranks take part, with `maxGradientNorm`, `nonFinite: "skip"` or a dynamic `lossScale`, if gradients
   *   are there already, or if a parameter would get none (unless `missingGradients: "skip"`); nothing was changed
   * @throws {NonFiniteGradientError} if a gradient is NaN or infinite; parameters whose gradients were complete before were changed
   *
   * @example
   * ```ts
   * import { Adafactor, mul, Parameter, requestDevice, sum } from "@meshfactor/adafactor";
   *
   * using device = await requestDevice();
   * using weight = new Parameter(device, [3, 4], { shape: [2] });
   * using optim = new Adafactor([weight], { lr: 1e-3 });
   * using loss = sum(mul(weight, weight));
   * await optim.backwardAndStep(loss);
   * ```
   */
  async backwardAndStep(
    loss: FloatTensor,
    options: StepInBackwardOptions = {},
  ): Promise<void> {
    checkOptions("backwardAndStep()", options, ["bytesAtATime"]);
    const { bytesAtATime = BYTES_AT_A_TIME } = options;
    await this.#placement.run(() => this.#alone(() => this.#stepInBackward(loss, bytesAtATime)));
  }

  /**
   * The whole state by parameter name, independent of the mesh; every rank must call it and gets the same.
   *
   * @throws {TypeError} if two parameters have one name, or ranks differ as in `step()`
   */
  async stateDict(): Promise<Record<string, Saved>> {
    await this.agree();
    return await this.#alone(async () => {
      const saved = await this.#states.save(this.#owned());
      // Who goes on from the state computes sums of p^2 anew. So does this optimizer, that both take steps of the same bits.
      this.#states.forgetSquares();
      if (this.#lossScaler !== undefined) {
        const { scale, goodSteps } = this.#lossScaler.state;
        for (const each of Object.values(saved)) {
          each.lossScale = scale;
          each.lossScaleGoodSteps = goodSteps;
        }
      }
      return saved as Record<string, Saved>;
    });
  }

  /**
   * Restores a saved state, on any mesh. Parameters' values are loaded separately.
   *
   * @throws {TypeError} if it is not the state of these parameters with these options; nothing was changed
   */
  loadStateDict(saved: Readonly<Record<string, Saved>>): void {
    this.#requireIdle();
    const states = saved as Readonly<Record<string, SavedState>>;
    this.#states.load(states, this.#owned());
    this.#agreement.loaded(states, this.#placement);
    const [{ lossScale, lossScaleGoodSteps }] = Object.values(states);
    if (this.#lossScaler !== undefined && lossScale !== undefined) {
      const goodSteps = (lossScaleGoodSteps ?? 0) as number;
      this.#lossScaler.state = { scale: lossScale as number, goodSteps };
    }
    this.#forgetPlan();
  }

  /**
   * Measures of the last step for each of its parameters, by name (with `perMatrix` for each matrix, as `name[0]`, ...): read
   * from the device now, at no cost to steps. All ranks must call it. Zero gradients are counted only until
   * `zeroGrad()`.
   *
   * @throws {TypeError} before the first step, and after one that was refused or skipped
   */
  async diagnostics(): Promise<Record<string, StepDiagnostics & Measures>> {
    return await this.#alone(async () => {
      const { finished } = this.#plans;
      if (finished.length === 0) {
        throw new TypeError("Cannot diagnose as the last step did not take place: step first");
      }
      return await diagnose(finished, {
        device: this.#device,
        groups: this.#placement.groups,
        gradientOf: (parameter) => this.#placement.readGradient(parameter),
      });
    });
  }

  /**
   * Norm of all gradients of the last step together, before they were clipped: of the loss itself (not times `lossScale`), divided
   * by `gradientDivisor`, averaged over ranks. The same on every rank, to the bit on meshes of powers of two. It is read from the
   * device now, at no cost to steps and without communication; undefined before the first step, and after one that was refused
   * or skipped.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Adafactor, mul, Parameter, requestDevice, sum } from "@meshfactor/adafactor";
   *
   * using device = await requestDevice();
   * using weight = new Parameter(device, [3, 4], { shape: [2] });
   * using optim = new Adafactor([weight], { lr: 1e-3 });
   * using loss = sum(mul(weight, weight));
   * await optim.backward(loss);
   * await optim.step();
   * assert.equal(await optim.gradientNorm(), 10); // of the gradient [6, 8]
   * ```
   */
  async gradientNorm(): Promise<number | undefined> {
    return await this.#alone(async () => {
      const { finished } = this.#plans;
      return finished.length === 0 ? undefined : await gradientNorm(finished, this.#device);
    });
  }

  /**
   * Allocates the state of all parameters now, where the first step would do it: memory that stays is then not in the midst of
   * memory that comes and goes with a step.
   *
   * @throws {TypeError} before `setupDistributed()`
   */
  allocateState(): void {
    this.#requireIdle();
    this.#states.makeAll(this.#owned());
  }

  /** Gives back all device memory that the optimizer holds; steps and states are refused afterwards. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#placement[Symbol.dispose]();
    this.#forgetPlan();
    this.#states[Symbol.dispose]();
    this.#guard[Symbol.dispose]();
  }

  /**
   * Gives the parameters another placement.
   *
   * @throws {TypeError} if steps were already taken or gradients exchanged, or what the new one refuses
   */
  protected place<New extends Placement>(newPlacement: () => New): New {
    this.#requireIdle();
    if (!this.#states.isEmpty || this.#placement.holdsGradients) {
      throw new TypeError(
        "Cannot set up after the first step or backward() as state is already split: set up before it",
      );
    }
    const placement = newPlacement();
    this.#requireRoundable(placement);
    this.#forgetPlan();
    this.#placement[Symbol.dispose]();
    this.#placement = placement;
    this.#agreement.placed();
    return placement;
  }

  get #device(): Device {
    return [...this.#hyper.keys()][0].device;
  }

  get #mayLackGradients(): boolean {
    return [...this.#hyper.values()].some(({ missingGradients }) => missingGradients === "skip");
  }

  async #stepAlone(gradientDivisor: number): Promise<void> {
    const placement = this.#placement;
    await placement.gatherGradients();
    const active = withGradients(this.#hyper, (parameter) => placement.hasGradient(parameter));
    if (this.#mayLackGradients) await placement.agreeOn(active);
    if (active.length === 0) return;
    try {
      this.#plans.keep(1);
      await this.#update(this.#planFor(active, 0), gradientDivisor);
    } catch (error) {
      if (!(error instanceof NonFiniteGradientError)) throw error;
      this.#lossScaler?.backOff();
      if (this.#nonFinite === "error" && this.#lossScaler === undefined) throw error;
      this.#skippedSteps += 1;
    }
  }

  async #stepInBackward(loss: FloatTensor, bytesAtATime: number): Promise<void> {
    if (!this.canStepInBackward) {
      throw new TypeError(
        'Cannot step in backward with several ranks, maxGradientNorm, nonFinite: "skip" or a dynamic lossScale: call ' +
          "backward(), step() and zeroGrad()",
      );
    }
    const scaled = this.lossScale === 1 ? loss : scale(loss, this.lossScale);
    const numSteps = await stepInBackward(scaled, {
      hyper: this.#hyper,
      bytesAtATime,
      step: (parameters, index) => this.#update(this.#planFor(parameters, index), 1),
    });
    this.#plans.keep(numSteps);
  }

  async #update(
    present: PresentPlan<Hyper, Measures>,
    gradientDivisor: number,
  ): Promise<void> {
    const { plan, passes } = present;
    const parameters = plan.sources.map(({ parameter }) => parameter);
    using scope = new DisposableStack();
    present.lossScale = this.lossScale;
    present.gradientScale = gradientDivisor * this.lossScale;
    const label = this.#placement.hasPeers
      ? stepLabel(this.#rule, plan, present.gradientScale)
      : "";
    const grads = await this.#placement.gradients(parameters, { scope, label });
    const device = this.#device;
    const samples = await this.#watch.before(plan, { device, grads });
    await runStep(plan, {
      device,
      passes,
      guard: this.#guard,
      grads,
      label,
      isAlone: this.#placement.groups.length === 0,
      scaling: { divisor: present.gradientScale, maxNorm: this.#maxNorm },
    });
    await this.#watch.after(plan, { device, samples });
    this.#lossScaler?.grow();
    await this.#placement.publish(parameters);
  }

  #planFor(parameters: readonly Parameter[], index: number): PresentPlan<Hyper, Measures> {
    return this.#plans.at(index, parameters, () => {
      const owned = this.#owned();
      this.#states.makeAll(owned);
      const active = new Set(parameters);
      const participants = owned.map((each, index) => ({ ...each, index }))
        .filter(({ parameter }) => active.has(parameter))
        .map((each) => ({
          ...each,
          paramOffset: this.#placement.offsetOf(each.parameter),
          state: this.#states.of(each.parameter),
        }));
      const { groups } = this.#placement;
      return new PresentPlan(this.#device, this.#rule, { participants, groups });
    });
  }

  #owned(): Owned<Hyper>[] {
    const placement = this.#placement;
    return [...this.#hyper].map(([parameter, hyper]) => {
      const layout = placement.layoutOf(parameter);
      const factoring = this.#rule.factoringOf({ parameter, hyper, layout });
      const isPerMatrix = this.#rule.isPerMatrix(hyper);
      return { parameter, hyper, view: placement.viewOf(parameter, factoring, { isPerMatrix }) };
    });
  }

  #requireRoundable(placement: Placement): void {
    requireRoundable(this.#hyper, {
      layoutOf: (parameter) => placement.layoutOf(parameter),
      factoringOf: (parameter) =>
        this.#rule.factoringOf({
          parameter,
          hyper: this.#hyper.get(parameter)!,
          layout: placement.layoutOf(parameter),
        }),
    });
  }

  #forgetPlan(): void {
    this.#plans[Symbol.dispose]();
    this.#states.forgetSquares();
  }

  /** Runs `work` unless something else is under way. */
  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#requireIdle();
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  #requireIdle(): void {
    if (this.#isDisposed) {
      throw new TypeError("Cannot start as the optimizer is disposed: make a new one");
    }
    if (this.#busy) {
      throw new TypeError(
        "Cannot start as something else is not finished: await step(), and with ZeRO stage 2 backward()",
      );
    }
  }
}

/** A step has fixed costs of a millisecond or so. */
const BYTES_AT_A_TIME = 8 * 2 ** 20;
