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
  if (Object.keys(sizes).some((key) => saved?.[key] === undefined)) {
    throw new TypeError(
      `Cannot load state of ${name}: it has no ${
        Object.keys(sizes).join(", ")
      }, so this optimizer did not save ` +
        "it: give what its own stateDict() returned",
    );
  }
  if (Object.entries(sizes).some(([key, size]) => saved[key] !== size)) {
    throw new TypeError(
      `Cannot load state of ${name}: wanted ${rule.describeSizes(sizes)}, got ` +
        `${rule.describeSizes(saved)}: choose the shape and factoring that it was saved with`,
    );
  }
  const fields = rule.fieldsOf({ hyper, view });
  const wanted = fields.flatMap((field): Wanted[] =>
    field.shape === "tensor"
      ? [{ key: field.name, length: wholeLength(view.dims), least: field.least }]
      : sumDims(view).map((dims, which) => ({
        key: field.saved[which],
        length: wholeLength(dims),
        least: 0,
      }))
  );
  for (const { key, with: present, without } of rule.optionalFields) {
    const isWanted = wanted.some((each) => each.key === key);
    if ((saved[key] !== undefined) === isWanted) continue;
    throw new TypeError(
      `Cannot load state of ${name}: it was saved ${isWanted ? without : present}`,
    );
  }
  const known = new Set([...NUMBERS, ...Object.keys(sizes), ...wanted.map(({ key }) => key)]);
  const unknown = Object.keys(saved).find((key) => saved[key] !== undefined && !known.has(key));
  if (unknown !== undefined && unknown !== "master") {
    throw new TypeError(
      `Cannot load state of ${name}: this optimizer has no ${unknown}: give what its own stateDict() returned`,
    );
  }
  if (saved.master !== undefined) {
    if (!hasMaster) {
      throw new TypeError(
        `Cannot load state of ${name}: it was saved with master weights: set masterWeights, and store it in 16 bits`,
      );
    }
    wanted.push({ key: "master", length: wholeLength(view.dims), least: -Infinity });
  }
  for (const { key, length, least } of wanted) {
    const values = saved[key];
    if (!(values instanceof Float32Array) || values.length !== length) {
      throw new TypeError(
        `Cannot load state of ${name}: ${key} must be a Float32Array of ${length}, got ${
          describeArray(values)
        }`,
      );
    }
    const wrong = values.findIndex((value) => !(value >= least && Math.abs(value) < Infinity));
    if (wrong < 0) continue;
    throw new TypeError(
      `Cannot load state of ${name}: ${key}[${wrong}] is ${values[wrong]}, and must be finite` +
        (least === 0 ? " and >= 0" : ""),
    );
  }
  const { step, lossScale, lossScaleGoodSteps = 0 } = saved;
  if (!isCount(step)) {
    throw new TypeError(`Cannot load state of ${name}: step must be a whole number from 0`);
  }
  if (lossScale === undefined) return;
  if (!(typeof lossScale === "number" && lossScale > 0 && lossScale < Infinity)) {
    throw new TypeError(
      `Cannot load state of ${name}: lossScale must be a finite number > 0, got ${lossScale}`,
    );
  }
  if (!isCount(lossScaleGoodSteps)) {
    throw new TypeError(
      `Cannot load state of ${name}: lossScaleGoodSteps must be a whole number from 0, got ${lossScaleGoodSteps}`,
    );
  }
}

/** An array that a saved state must have, whose elements are finite and no less than `least`. */
interface Wanted {
  readonly key: string;
  readonly length: number;
  readonly least: number;
}

/** Its class and length; JSON makes objects with the keys 0, 1, ... of arrays. */
function describeArray(values: unknown): string {
  if (values === undefined) return "nothing";
  if (typeof values !== "object" || values === null) return String(values);
  const { length } = values as { readonly length?: number };
  if (length !== undefined) return `${values.constructor.name} of ${length}`;
  return "an object, as of JSON, which does not keep arrays of numbers: save it by saveCheckpoint()";
}

/** What a saved state has besides the rule's fields. */
const NUMBERS = ["step", "lossScale", "lossScaleGoodSteps"];

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && value as number >= 0;
}
