// Verifies that a saved state fits a parameter and its options.

import { wholeLength } from "../factoring/block_of_whole.ts";
import type { FactoredView } from "../factoring/factored_view.ts";
import { type SavedState, sumDims } from "./parameter_state.ts";
import type { StateRule } from "./state_fields.ts";

/** A parameter that a state is loaded for. */
export interface Loading<Hyper> {
  readonly name: string;
  readonly hyper: Hyper;
  readonly view: FactoredView<unknown>;
  /** Whether it has master weights. */
  readonly hasMaster: boolean;
}

/** @throws {TypeError} if `saved` is not a state of the parameter */
export function requireFit<Hyper>(
  saved: Readonly<Partial<SavedState>>,
  { name, hyper, view, hasMaster }: Loading<Hyper>,
  rule: StateRule<Hyper>,
): void {
  const sizes = rule.sizesOf(view);
  if (Object.entries(sizes).some(([key, size]) => saved[key] !== size)) {
    throw new TypeError(
      `Cannot load state of ${name}: wanted ${rule.describeSizes(sizes)}, got ` +
        `${rule.describeSizes(saved)}: choose the shape and factoring that it was saved with`,
    );
  }
  const fields = rule.fieldsOf({ hyper, view });
  const wanted = fields.flatMap((field): (readonly [string, number])[] =>
    field.shape === "tensor"
      ? [[field.name, wholeLength(view.dims)]]
      : sumDims(view).map((dims, which) => [field.saved[which], wholeLength(dims)])
  );
  for (const { key, with: present, without } of rule.optionalFields) {
    const isWanted = wanted.some(([name]) => name === key);
    if ((saved[key] !== undefined) === isWanted) continue;
    throw new TypeError(
      `Cannot load state of ${name}: it was saved ${isWanted ? without : present}`,
    );
  }
  if (saved.master !== undefined) {
    if (!hasMaster) {
      throw new TypeError(
        `Cannot load state of ${name}: it was saved with master weights: set masterWeights, and store it in 16 bits`,
      );
    }
    wanted.push(["master", wholeLength(view.dims)]);
  }
  for (const [key, length] of wanted) {
    const values = saved[key];
    if (!(values instanceof Float32Array) || values.length !== length) {
      throw new TypeError(
        `Cannot load state of ${name}: ${key} must be a Float32Array of ${length}`,
      );
    }
  }
  const { step } = saved;
  if (!Number.isSafeInteger(step) || (step as number) < 0) {
    throw new TypeError(`Cannot load state of ${name}: step must be a whole number from 0`);
  }
}
