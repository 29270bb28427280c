// When ranks compare what they must have alike: before the first exchange of an optimizer on a mesh, and again after it was placed
// or a state was loaded. What is compared, besides parameters: the rule, options, and the loaded state.

import { describeOptions, groupOf } from "./options/described_options.ts";
import type { ParsedOptions } from "./options/parameter_groups.ts";
import type { Placement } from "./placement/placement.ts";
import type { SavedState } from "./state/parameter_state.ts";
import { describeSaved } from "./state/saved_digest.ts";

/** The comparison of ranks of one optimizer. */
export class FirstAgreement {
  readonly #ruleName: string;
  readonly #parsed: ParsedOptions<unknown>;
  #isReached = false;
  /** Kept until it has been compared. */
  #loaded: Readonly<Record<string, SavedState>> = {};

  /** For an optimizer with this update rule and these options. */
  constructor(ruleName: string, parsed: ParsedOptions<unknown>) {
    this.#ruleName = ruleName;
    this.#parsed = parsed;
  }

  /** Whether `reach` must be called before ranks exchange anything. */
  isDue({ hasPeers }: Placement): boolean {
    return hasPeers && !this.#isReached;
  }

  /** All ranks call it together, after `numSteps` steps. @throws {TypeError} on all of them if they differ */
  async reach(placement: Placement, numSteps: number): Promise<void> {
    const options = describeOptions(this.#parsed, 1 + numSteps);
    const loaded = await describeSaved(this.#loaded, { digests: placement.comparesValues });
    await placement.requireAgreement({
      options: [{ name: "the optimizer", value: this.#ruleName }, ...loaded, ...options],
      groupOf: (parameter) => groupOf(parameter, this.#parsed),
    });
    this.#loaded = {};
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
