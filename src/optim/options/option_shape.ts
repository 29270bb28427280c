// Which options there are and of what kind each is: a misspelt or misplaced option must not pass for its default.
// Ranges of numbers, and what excludes what, are checked where they are used (hyperparameters.ts).

import * as v from "valibot";

const schedule = v.function();
const number = v.optional(v.number());
const boolean = v.optional(v.boolean());

/** Options of a parameter, alone or in a group. */
const PARAMETER_OPTIONS = {
  lr: v.optional(v.union([v.number(), schedule])),
  algorithm: v.optional(v.picklist(["adafactor", "came"])),
  eps: v.optional(v.strictTuple([v.number(), v.number()])),
  epsMode: v.optional(v.picklist(["inside", "clamp"])),
  clipThreshold: v.optional(v.union([v.number(), v.literal("none")])),
  decayRate: number,
  decayOffset: number,
  beta2Cap: number,
  beta2: v.optional(schedule),
  beta1: number,
  beta3: number,
  momentumOf: v.optional(v.picklist(["step", "update"])),
  momentumDtype: v.optional(v.picklist(["f32", "bf16"])),
  weightDecay: number,
  weightDecayBy: v.optional(v.union([
    v.picklist(["step", "lr", "absolute"]),
    v.strictObject({ lrPower: v.number() }),
    v.strictObject({ lrSquaredOver: v.number() }),
    schedule,
  ])),
  scaleParameter: boolean,
  scaleCeiling: number,
  relativeStep: v.optional(v.union([v.boolean(), v.literal("capped")])),
  warmupInit: boolean,
  cautious: boolean,
  maximize: boolean,
  factoring: v.optional(v.union([
    v.picklist(["lastTwo", "none"]),
    v.strictObject({ largestTwo: v.number() }),
    v.array(v.picklist(["row", "col", "batch"])),
  ])),
  perMatrix: boolean,
  masterWeights: boolean,
  rounding: v.optional(v.picklist(["nearest", "stochastic"])),
  seed: number,
  missingGradients: v.optional(v.picklist(["error", "skip"])),
};

/** Options of the optimizer as a whole. */
const OPTIMIZER_OPTIONS = {
  maxGradientNorm: number,
  nonFinite: v.optional(v.picklist(["error", "skip"])),
  lossScale: v.optional(v.union([
    v.number(),
    v.literal("dynamic"),
    v.strictObject({
      initialScale: number,
      growthFactor: number,
      backoffFactor: number,
      growthInterval: number,
    }),
  ])),
};

const shapes = {
  parameter: v.strictObject(PARAMETER_OPTIONS),
  optimizer: v.strictObject({ ...PARAMETER_OPTIONS, ...OPTIMIZER_OPTIONS }),
};

/** @throws {TypeError} naming an option that does not exist, or is of another kind than it must be. */
export function checkOptionShape(options: object, of: keyof typeof shapes): void {
  const { issues } = v.safeParse(shapes[of], options, { abortEarly: true });
  if (issues === undefined) return;
  const [issue] = issues;
  const name = String(issue.path?.[0]?.key);
  throw new TypeError(
    issue.expected === "never"
      ? `There is no option ${name}: there are ${Object.keys(shapes[of].entries).join(", ")}`
      : `Option ${name} must be ${issue.expected}, got ${issue.received}`,
  );
}
