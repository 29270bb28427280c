// Adafactor (Shazeer & Stern 2018, alg. 4-6), one step t for a parameter p with gradient g, both [batch, rows, cols]:
//
//   R <- b2 R + (1 - b2) mean_j(g^2 + eps1)       C <- b2 C + (1 - b2) mean_i(g^2 + eps1)       b2 = 1 - t^decayRate
//   u  = g rsqrt(R / mean R) rsqrt(C)             u <- u / max(1, RMS(u) / clipThreshold)
//   a  = rho_t (scaleParameter ? max(eps2, RMS(p)) : 1)
//   p <- p - a weightDecay p - a u                (with beta1: a running average of a u is applied instead)
//
// Three passes over memory: sums of g^2, sum of u^2, apply (which leaves the next step's sum of p^2). Between them lie
// two exchanges of sums, empty on one device; everything that differs when parameters are split is in the four
// protected methods at the end, which DistributedAdaFactor overrides.
//
// A gradient that is not finite: on one device the kernels find out for themselves (a guard word, read once at the end
// of the step) and leave everything as it was; with several ranks the host sees every sum anyway and stops before
// anything is changed, on all ranks alike.

import type { Device, DeviceBuffer } from "../device/device.ts";
import type { ProcessGroup } from "../dist/group.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type FactoredView, factoredView } from "./factored_moment.ts";
import {
  type AdafactorOptions,
  type Hyperparameters,
  parseHyperparameters,
} from "./hyperparameters.ts";
import { type Plan, planBlocks, type State } from "./adafactor_plan.ts";
import {
  advanceMoments,
  applyUpdate,
  type GradientBlock,
  type PassOperands,
  sumStatistics,
  sumUpdates,
} from "./adafactor_passes.ts";
import { guardTotals, markNonFinite, refuseGuarded, refuseNonFinite } from "./non_finite.ts";
import { exchangeSums } from "./packed_sums.ts";

/**
 * Adafactor on one device: keeps a row and a column of statistics per matrix instead of the whole second moment.
 *
 * Parameters are f32 of any shape; the last two dims are factored, vectors and scalars keep the full second moment.
 * State: (rows + cols + 1) floats per matrix.
 *
 * Source: Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost" (2018), algorithms 4-6;
 * arguments and defaults as in `transformers.Adafactor`.
 *
 * @example
 * ```ts
 * using optim = new Adafactor(model.parameters(), { lr: 1e-3 });
 * using loss = crossEntropy(await model.forward(tokens), targets);
 * await optim.backward(loss);
 * await optim.step();
 * optim.zeroGrad();
 * ```
 */
export class Adafactor implements Disposable {
  readonly #parameters: readonly Parameter[];
  readonly #hyper: Hyperparameters;
  readonly #states = new Map<Parameter, State>();
  readonly #guard: DeviceBuffer;
  #plan: Plan | undefined;
  #stepping = false;

  /**
   * Optimizes `parameters`, all f32 on one device.
   *
   * @throws {TypeError} if options exclude each other, or parameters are given twice or on several devices
   * @throws {RangeError} if a number is outside its range, or there is no parameter
   */
  constructor(parameters: Iterable<Parameter>, options: AdafactorOptions = {}) {
    this.#hyper = parseHyperparameters(options);
    this.#parameters = [...parameters];
    if (this.#parameters.length === 0) {
      throw new RangeError("Cannot optimize no parameters: give one");
    }
    if (new Set(this.#parameters).size < this.#parameters.length) {
      throw new TypeError("Cannot optimize a parameter twice: each must be given once");
    }
    const device = this.#parameters[0].device;
    const stray = this.#parameters.find((parameter) => parameter.device !== device);
    if (stray !== undefined) {
      throw new TypeError(
        `Cannot optimize ${stray.name} as it is on another device than the first parameter`,
      );
    }
    this.#guard = device.allocate(4);
    device.write(this.#guard, new Uint32Array(1));
  }

  /** The parameters, in the order given. */
  get parameters(): readonly Parameter[] {
    return this.#parameters;
  }

  /** Computes gradients of `loss`, a scalar; they add to those already there. */
  async backward(loss: Tensor): Promise<void> {
    await loss.backward();
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.#parameters) parameter.zeroGrad();
  }

  /**
   * Updates every parameter from its gradient. Gradients stay until `zeroGrad`.
   *
   * @throws {TypeError} if a parameter has no gradient (unless `missingGradients: "skip"`)
   * @throws {NonFiniteGradientError} if a gradient is NaN or infinite; nothing was changed
   */
  async step(): Promise<void> {
    if (this.#stepping) {
      throw new TypeError("Cannot step as the last step is not finished: await step()");
    }
    this.#stepping = true;
    try {
      const active = this.#withGradients();
      if (active.length === 0) return;
      await this.#update(this.#planFor(active));
    } finally {
      this.#stepping = false;
    }
  }

  /** Gives back all device memory that the optimizer holds. */
  [Symbol.dispose](): void {
    this.forgetPlan();
    for (const { moments, momentum } of this.#states.values()) {
      moments[Symbol.dispose]();
      momentum?.[Symbol.dispose]();
    }
    this.#states.clear();
    this.#guard[Symbol.dispose]();
  }

  /** Groups over which sums may add up, in the order of every exchange. */
  protected get groups(): readonly ProcessGroup[] {
    return [];
  }

  /** This rank's block of `parameter`. */
  protected viewOf(parameter: Parameter): FactoredView<ProcessGroup> {
    if (parameter.layout.splits.length > 0) {
      throw new TypeError(
        `Cannot step as ${parameter.name} is split over ranks: use DistributedAdaFactor and call setupDistributed()`,
      );
    }
    return factoredView(parameter.layout);
  }

  /** First element of this rank's block of `parameter`. */
  protected offsetOf(_parameter: Parameter): number {
    return 0;
  }

  /** The gradients to use, in order of `parameters`; what is pushed on `scope` lives until the step ends. */
  protected gradientBlocks(
    parameters: readonly Parameter[],
    _scope: DisposableStack,
  ): Promise<readonly GradientBlock[]> {
    return Promise.resolve(parameters.map(({ grad }) => ({ buffer: grad!.buffer, offset: 0 })));
  }

  /** Brings updated blocks to the ranks that need them. */
  protected publish(_parameters: readonly Parameter[]): Promise<void> {
    return Promise.resolve();
  }

  /** To be called when blocks or groups change. */
  protected forgetPlan(): void {
    this.#plan?.sums[Symbol.dispose]();
    this.#plan = undefined;
    for (const state of this.#states.values()) state.squaresOf = -1;
  }

  /** Whether any step was taken. */
  protected get started(): boolean {
    return this.#states.size > 0;
  }

  get #device(): Device {
    return this.#parameters[0].device;
  }

  #withGradients(): Parameter[] {
    const without = this.#parameters.filter(({ grad }) => grad === undefined);
    if (without.length > 0 && this.#hyper.missingGradients === "error") {
      throw new TypeError(
        `Cannot step without a gradient of ${without.map(({ name }) => name).join(", ")}: ` +
          'call backward() first, or set missingGradients: "skip"',
      );
    }
    return this.#parameters.filter(({ grad }) => grad !== undefined);
  }

  async #update(plan: Plan): Promise<void> {
    const { blocks, statistics, updates, sums, numNonFinite } = plan;
    const device = this.#device;
    using scope = new DisposableStack();
    const grads = await this.gradientBlocks(blocks.map(({ parameter }) => parameter), scope);
    const operands = blocks.map(({ view }, index): PassOperands => ({
      device,
      hyper: this.#hyper,
      sums,
      guard: this.#guard,
      grad: grads[index],
      factors: scope.use(device.allocate(4 * view.batch * (view.rows + view.cols))),
    }));
    const alone = this.groups.length === 0;

    for (const [index, block] of blocks.entries()) sumStatistics(block, operands[index]);
    if (alone) guardTotals(blocks, { device, sums, guard: this.#guard });
    await exchangeSums({ device, buffer: sums }, statistics, {
      onLocal: (host) => markNonFinite(blocks, host, numNonFinite),
      onGlobal: (host) => refuseNonFinite(blocks, host, numNonFinite),
    });

    for (const [index, block] of blocks.entries()) {
      advanceMoments(block, operands[index]);
      sumUpdates(block, operands[index]);
    }
    await exchangeSums({ device, buffer: sums }, updates);

    for (const [index, block] of blocks.entries()) applyUpdate(block, operands[index]);
    if (alone) await refuseGuarded(blocks, { device, sums, guard: this.#guard });
    for (const { state } of blocks) state.step += 1;
    await this.publish(blocks.map(({ parameter }) => parameter));
  }

  #planFor(parameters: readonly Parameter[]): Plan {
    const plan = this.#plan;
    const same = plan?.blocks.length === parameters.length &&
      plan.blocks.every(({ parameter }, index) => parameter === parameters[index]);
    if (plan !== undefined && same) return plan;
    const views = parameters.map((parameter) => this.viewOf(parameter));
    this.forgetPlan();
    const owned = parameters.map((parameter, index) => ({
      parameter,
      view: views[index],
      paramOffset: this.offsetOf(parameter),
      state: this.#stateOf(parameter, views[index]),
    }));
    return this.#plan = planBlocks(this.#device, owned, this.groups);
  }

  #stateOf(parameter: Parameter, { batch, rows, cols }: FactoredView<ProcessGroup>): State {
    let state = this.#states.get(parameter);
    if (state === undefined) {
      const momentum = this.#hyper.beta1 === undefined
        ? undefined
        : zeros(this.#device, batch * rows * cols);
      const moments = zeros(this.#device, batch * (rows + cols + 1));
      state = { step: 0, moments, momentum, squaresOf: -1 };
      this.#states.set(parameter, state);
    }
    return state;
  }
}

function zeros(device: Device, length: number): DeviceBuffer {
  const out = device.allocate(4 * length);
  device.run("fill", { out }, { offset: 0, length, value: 0 });
  return out;
}
