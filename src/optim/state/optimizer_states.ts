// The states of all parameters of one optimizer: made when first needed, saved and loaded by name.

import type { DeviceBuffer } from "../../device/device.ts";
import type { ProcessGroup } from "../../distributed/group.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { describeParameters } from "../../tensor/parameter_names.ts";
import type { FactoredView } from "../factoring/factored_view.ts";
import type { SharedHyperparameters } from "../options/shared_options.ts";
import { sumParts } from "../sums/summed_parts.ts";
import { requireFit } from "./check_saved.ts";
import { loadState, readState, type SavedState, type State } from "./parameter_state.ts";
import type { StateRule } from "./state_fields.ts";
import { freshStates, needsMaster } from "./state_memory.ts";

/** A parameter, its options, and the block of it that this rank keeps state for. */
export interface Owned<Hyper> {
  readonly parameter: Parameter;
  readonly hyper: Hyper;
  readonly view: FactoredView<ProcessGroup>;
}

/** States by parameter. */
export class OptimizerStates<Hyper extends SharedHyperparameters> implements Disposable {
  readonly #rule: StateRule<Hyper>;
  readonly #states = new Map<Parameter, State>();
  #buffers: readonly DeviceBuffer[] = [];

  /** States as `rule` describes them. */
  constructor(rule: StateRule<Hyper>) {
    this.#rule = rule;
  }

  /** Whether no parameter has a state yet. */
  get isEmpty(): boolean {
    return this.#states.size === 0;
  }

  /** The most steps that a parameter has taken. */
  get numSteps(): number {
    return Math.max(0, ...this.#states.values().map(({ step }) => step));
  }

  /** Makes the states of all parameters at once, unless that was done before. */
  makeAll(owned: readonly Owned<Hyper>[]): void {
    if (!this.isEmpty) return;
    const { states, buffers } = freshStates(
      owned[0].parameter.device,
      owned.map((each) => ({
        ...each,
        fields: this.#rule.fieldsOf(each),
        perMatrix: this.#rule.isPerMatrix(each.hyper),
      })),
    );
    this.#buffers = buffers;
    for (const [index, { parameter }] of owned.entries()) {
      this.#states.set(parameter, states[index]);
    }
  }

  /** The parameter's state, once made. */
  of(parameter: Parameter): State {
    return this.#states.get(parameter)!;
  }

  /** Must be called when the buffer with the sums of p^2 is released. */
  forgetSquares(): void {
    for (const state of this.#states.values()) state.squaresOf = -1;
  }

  /** Whole states by name, the same on all ranks. @throws {TypeError} if two parameters have one name */
  async save(owned: readonly Owned<Hyper>[]): Promise<Record<string, SavedState>> {
    requireNames(owned);
    this.makeAll(owned);
    const states = await Promise.all(
      owned.map(({ parameter, view }) =>
        readState(this.of(parameter), view, this.#rule.sizesOf(view))
      ),
    );
    await sumParts(states.flatMap(({ parts }) => parts));
    return Object.fromEntries(
      owned.map(({ parameter: { name } }, index) => [name, states[index].saved]),
    );
  }

  /** Overwrites all states. @throws {TypeError} if `saved` does not fit; nothing was changed */
  load(saved: Readonly<Record<string, SavedState>>, owned: readonly Owned<Hyper>[]): void {
    requireStates(saved);
    const names = requireNames(owned);
    const unknown = Object.keys(saved).filter((name) => !names.has(name));
    const missing = [...names].filter((name) => !Object.hasOwn(saved, name));
    if (unknown.length + missing.length > 0) {
      throw new TypeError(
        `Cannot load state: nothing is there for the parameters [${missing}], and no parameter is called ` +
          `[${unknown}]: give one entry for each`,
      );
    }
    for (const { parameter, hyper, view } of owned) {
      const { name } = parameter;
      const hasMaster = needsMaster(parameter, hyper);
      requireFit(saved[name], { name, hyper, view, hasMaster }, this.#rule);
    }
    this.makeAll(owned);
    for (const { parameter, view } of owned) {
      const { name, version } = parameter;
      loadState(this.of(parameter), saved[name], { view, version });
    }
  }

  /** Gives back all device memory. */
  [Symbol.dispose](): void {
    for (const buffer of this.#buffers) buffer[Symbol.dispose]();
    this.#buffers = [];
    this.#states.clear();
  }
}

/** @throws {TypeError} unless `saved` is a plain object */
function requireStates(saved: unknown): void {
  const isObject = typeof saved === "object" && saved !== null;
  const prototype = isObject ? Object.getPrototypeOf(saved) : undefined;
  if (isObject && (prototype === null || prototype === Object.prototype)) return;
  const what = !isObject
    ? String(saved)
    : `an instance of ${prototype.constructor.name}${
      saved instanceof Promise ? ", which must be awaited" : ""
    }`;
  throw new TypeError(`Cannot load ${what}: give the object that stateDict() resolves to`);
}

function requireNames(owned: readonly Pick<Owned<unknown>, "parameter">[]): Set<string> {
  const all = owned.map(({ parameter }) => parameter);
  const names = new Set(all.map(({ name }) => name));
  if (names.size === all.length) return names;
  const alike = all.filter(({ name }) => all.filter((other) => other.name === name).length > 1);
  throw new TypeError(
    `Cannot distinguish states by name as several parameters are called alike: ${
      describeParameters(alike, all)
    }: call namedParameters() of a module that has them all, or set their names`,
  );
}
