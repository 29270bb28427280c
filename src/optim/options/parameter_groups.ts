// The parameters of an optimizer with the options of each, and the options of the optimizer as a whole.

import { Parameter } from "../../tensor/parameter.ts";
import { describeParameters } from "../../tensor/parameter_names.ts";
import type { AdafactorOptions } from "./hyperparameters.ts";
import type { LossScaleOptions } from "./loss_scaler.ts";
import {
  anyOf,
  callback,
  checkOptionShape,
  number,
  oneOf,
  type OptionKinds,
  partOf,
} from "./option_shape.ts";
import type { LostUpdates } from "./lost_updates.ts";
import type { SharedHyperparameters } from "./shared_options.ts";

/**
 * Options of an optimizer as a whole, whatever its update rule.
 *
 * @category Optimizers
 */
export interface GradientOptions {
  /** The norm of all gradients together, on all ranks, is brought down to it before each step. Default: never. */
  maxGradientNorm?: number;
  /** What `step()` does when a gradient is NaN or infinite: throw, or change nothing and count it. Default `"error"`. */
  nonFinite?: "error" | "skip";
  /**
   * `backward()` computes gradients of the loss times this, and `step()` divides by it: for gradients in f16. `"dynamic"`, or
   * options of that, adapts it and skips steps whose gradients are not finite, whatever `nonFinite` says. Gradients in `grad`
   * are scaled, those in `diagnostics()` are not. Default: 1.
   */
  lossScale?: number | "dynamic" | LossScaleOptions;
  /**
   * Is called once, when more than half of the updates of a 16-bit parameter without master weights are lost by rounding to the
   * nearest. Default: a warning on the console, by the first rank.
   */
  onLostUpdates?: (lost: LostUpdates) => void;
}

const gradientKinds: OptionKinds<GradientOptions> = {
  maxGradientNorm: number,
  nonFinite: oneOf("error", "skip"),
  lossScale: anyOf(
    number,
    oneOf("dynamic"),
    partOf({
      initialScale: number,
      growthFactor: number,
      backoffFactor: number,
      growthInterval: number,
    }),
  ),
  onLostUpdates: callback,
};

/**
 * Options of {@linkcode Adafactor} as a whole, and of every parameter whose group does not say otherwise.
 *
 * @category Optimizers
 */
export interface OptimizerOptions extends AdafactorOptions, GradientOptions {}

/**
 * Parameters with options of their own; what is not given is taken from the optimizer's options.
 *
 * @category Optimizers
 */
export interface ParameterGroup extends AdafactorOptions {
  /** The group's parameters. */
  readonly parameters: Iterable<Parameter>;
}

/** The checks of a rule's options. */
export interface OptionRule<Options, Hyper> {
  /** Every option of a parameter. */
  readonly kinds: OptionKinds<Options>;
  /** Checks options and fills in defaults. */
  parse(options: Options): Hyper;
}

/** Parameters, or groups of them with options of their own. */
export type Grouped<Options> =
  | Parameter
  | (Options & { readonly parameters: Iterable<Parameter> });

/** Every parameter with its checked options, and those of the optimizer as a whole. */
export interface ParsedOptions<Hyper> {
  /** In the order given. */
  readonly hyper: ReadonlyMap<Parameter, Hyper>;
  /** The options as they were given for each; one object for those of a group. */
  readonly given: ReadonlyMap<Parameter, object>;
  readonly gradients: {
    readonly maxGradientNorm: GradientOptions["maxGradientNorm"] | undefined;
    readonly nonFinite: GradientOptions["nonFinite"] | undefined;
    readonly lossScale: GradientOptions["lossScale"] | undefined;
    readonly onLostUpdates: GradientOptions["onLostUpdates"] | undefined;
  };
}

/**
 * Checks options, those of groups too.
 *
 * @throws {TypeError} if an option does not exist, options exclude each other, or parameters are given twice or on several
 *   devices
 * @throws {RangeError} if a number is outside its range, or there is no parameter
 */
export function parseOptions<Options extends object, Hyper>(
  rule: OptionRule<Options, Hyper>,
  given: Iterable<Grouped<Options>>,
  options: Options & GradientOptions,
): ParsedOptions<Hyper> {
  checkOptionShape<Options & GradientOptions>(options, { ...rule.kinds, ...gradientKinds });
  const { maxGradientNorm, nonFinite, lossScale, onLostUpdates, ...defaults } = options;
  if (typeof lossScale === "number" && !(lossScale > 0 && lossScale < Infinity)) {
    throw new RangeError(`lossScale must be > 0: current value is ${lossScale}`);
  }
  if (maxGradientNorm !== undefined && !(maxGradientNorm > 0)) {
    throw new RangeError(`maxGradientNorm must be > 0: current value is ${maxGradientNorm}`);
  }
  const groups = parseGroups(rule, given, defaults as unknown as Options);
  return { ...groups, gradients: { maxGradientNorm, nonFinite, lossScale, onLostUpdates } };
}

function parseGroups<Options extends object, Hyper>(
  rule: OptionRule<Options, Hyper>,
  given: Iterable<Grouped<Options>>,
  defaults: Options,
): Pick<ParsedOptions<Hyper>, "hyper" | "given"> {
  const byParameter = new Map<Parameter, Hyper>();
  const optionsOf = new Map<Parameter, object>();
  const add = (parameter: Parameter, { hyper, options }: { hyper: Hyper; options: object }) => {
    if (byParameter.has(parameter)) {
      throw new TypeError(
        `Cannot optimize a parameter twice: each must be given once, got ${parameter.name} of shape ` +
          `[${parameter.shape.join(", ")}] again`,
      );
    }
    byParameter.set(parameter, hyper);
    optionsOf.set(parameter, options);
  };
  const shared = { hyper: rule.parse(defaults), options: defaults };
  requireList(given);
  for (const each of given) {
    if (each instanceof Parameter) add(each, shared);
    else {
      if (typeof each !== "object" || each === null || !("parameters" in each)) {
        throw new TypeError(
          `Cannot optimize ${nameOf(each)}: give parameters, or groups { parameters, ...options }`,
        );
      }
      const { parameters, ...own } = each;
      requireList(parameters);
      checkOptionShape(own, rule.kinds);
      const set = Object.entries(own).filter(([, value]) => value !== undefined);
      const options = { ...defaults, ...Object.fromEntries(set) };
      const hyper = rule.parse(options);
      for (const parameter of parameters) add(parameter, { hyper, options });
    }
  }
  const [first] = byParameter.keys();
  if (first === undefined) throw new RangeError("Cannot optimize no parameters: give one");
  const elsewhere = [...byParameter.keys()].find(({ device }) => device !== first.device);
  if (elsewhere !== undefined) {
    throw new TypeError(
      `Cannot optimize ${elsewhere.name} as it is on another device than the first parameter`,
    );
  }
  return { hyper: byParameter, given: optionsOf };
}

/** @throws {TypeError} unless `given` is a list */
function requireList(given: unknown): void {
  if (typeof given === "object" && given !== null && Symbol.iterator in given) return;
  throw new TypeError(
    `Cannot optimize ${nameOf(given)}, which is not a list: give a list of parameters`,
  );
}

function nameOf(given: unknown): string {
  if (typeof given !== "object" || given === null) return String(given);
  const { name } = given.constructor;
  return name === "Object" ? "an object" : `a ${name}`;
}

/** The parameters that take part in a step. @throws {TypeError} if one that must have a gradient has none */
export function withGradients(
  hyper: ReadonlyMap<Parameter, SharedHyperparameters>,
  hasGradient: (parameter: Parameter) => boolean,
): Parameter[] {
  const all = [...hyper.keys()];
  const without = all.filter((parameter) =>
    hyper.get(parameter)!.missingGradients === "error" && !hasGradient(parameter)
  );
  if (without.length > 0) {
    throw new TypeError(
      `Cannot step without a gradient of ${describeParameters(without, all)}: ` +
        'call backward() first, or set missingGradients: "skip"',
    );
  }
  return all.filter(hasGradient);
}
