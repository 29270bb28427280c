// When ranks compare what they must have alike: before the first exchange of an optimizer on a mesh, and again after it was placed,
// a state was loaded, or a program has written values of parameters. What is compared, besides parameters: the rule, options, and the loaded state.

import { describeOptions, groupOf } from "./options/described_options.ts";
import type { ParsedOptions } from "./options/parameter_groups.ts";
import type { Placement } from "./placement/placement.ts";
import type { SavedState } from "./state/parameter_state.ts";
import { describeSaved } from "./state/saved_digest.ts";
import type { Parameter } from "../tensor/parameter.ts";

/** The comparison of ranks of one optimizer. */
export class FirstAgreement {
  readonly #ruleName: string;
  readonly #parsed: ParsedOptions<unknown>;
  #isReached = false;
  /** Of the parameters that were compared last. */
  #versions = 0;
  /** Kept until it has been compared. */
  #loaded: Readonly<Record<string, SavedState>> = {};

  /** For an optimizer with this update rule and these options. */
  constructor(ruleName: string, parsed: ParsedOptions<unknown>) {
    this.#ruleName = ruleName;
    this.#parsed = parsed;
  }

  /** Whether `reach` must be called before ranks exchange anything. */
  isDue({ hasPeers }: Placement, parameters: readonly Parameter[]): boolean {
    return hasPeers && !(this.#isReached && versionsOf(parameters) === this.#versions);
  }

  /** All ranks call it together, after `numSteps` steps. @throws {TypeError} on all of them if they differ */
  async reach(
    placement: Placement,
    { numSteps, parameters }: {
      readonly numSteps: number;
      readonly parameters: readonly Parameter[];
    },
  ): Promise<void> {
    const versions = versionsOf(parameters);
    const options = describeOptions(this.#parsed, 1 + numSteps);
    const loaded = await describeSaved(this.#loaded, { digests: placement.comparesValues });
    await placement.requireAgreement({
      options: [{ name: "the optimizer", value: this.#ruleName }, ...loaded, ...options],
      groupOf: (parameter) => groupOf(parameter, this.#parsed),
    });
    this.#loaded = {};
    this.#versions = versions;
    this.#isReached = true;
  }

  /** The optimizer has another placement. */
  placed(): void {
    this.#isReached = false;
  }

  /** The optimizer has loaded a state. */
  loaded(states: Readonly<Record<string, SavedState>>, { hasPeers }: Placement): void {
    if (!hasPeers) return;
    this.#loaded = states;
    this.#isReached = false;
  }
}

/** Grows whenever one of them is written from outside the optimizer. */
function versionsOf(parameters: readonly Parameter[]): number {
  return parameters.reduce((total, { version }) => total + version, 0);
}
