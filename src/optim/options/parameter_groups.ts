// Which parameters an optimizer works on, and with which options each.

import { Parameter } from "../../tensor/parameter.ts";
import {
  type AdafactorOptions,
  type Hyperparameters,
  parseHyperparameters,
} from "./hyperparameters.ts";
import type { LossScaleOptions } from "./loss_scaler.ts";
import { checkOptionShape } from "./option_shape.ts";
import { describeParameters } from "../../tensor/parameter_names.ts";

/** Options of the optimizer as a whole, and of every parameter whose group does not say otherwise. */
export interface OptimizerOptions extends AdafactorOptions {
  /** The norm of all gradients together, on all ranks, is brought down to it before each step. Default: never. */
  maxGradientNorm?: number;
  /** What `step()` does when a gradient is NaN or infinite: throw, or change nothing and count it. Default `"error"`. */
  nonFinite?: "error" | "skip";
  /**
   * `backward()` computes gradients of the loss times this, and `step()` divides by it: for gradients in f16. `"dynamic"`, or
   * options of that, adapts it and skips steps whose gradients are not finite, whatever `nonFinite` says. What is
   * in `grad` is scaled, what `diagnostics()` says is not. Default: 1.
   */
  lossScale?: number | "dynamic" | LossScaleOptions;
}

/** Parameters with options of their own; what is not given is taken from the optimizer's options. */
export interface ParameterGroup extends AdafactorOptions {
  /** The group's parameters. */
  readonly parameters: Iterable<Parameter>;
}

/**
 * Every parameter with its checked options, in the order given.
 *
 * @throws {TypeError} if options exclude each other, or parameters are given twice or on several devices
 * @throws {RangeError} if a number is outside its range, or there is no parameter
 */
export function parseGroups(
  given: Iterable<Parameter | ParameterGroup>,
  defaults: AdafactorOptions,
): ReadonlyMap<Parameter, Hyperparameters> {
  const byParameter = new Map<Parameter, Hyperparameters>();
  const add = (parameter: Parameter, hyper: Hyperparameters) => {
    if (byParameter.has(parameter)) {
      throw new TypeError(
        `Cannot optimize a parameter twice: each must be given once, got ${parameter.name} of shape ` +
          `[${parameter.shape.join(", ")}] again`,
      );
    }
    byParameter.set(parameter, hyper);
  };
  const shared = parseHyperparameters(defaults);
  for (const each of given) {
    if (each instanceof Parameter) add(each, shared);
    else {
      const { parameters, ...own } = each;
      checkOptionShape(own, "parameter");
      const hyper = parseHyperparameters({ ...defaults, ...own });
      for (const parameter of parameters) add(parameter, hyper);
    }
  }
  const [first] = byParameter.keys();
  if (first === undefined) throw new RangeError("Cannot optimize no parameters: give one");
  const stray = [...byParameter.keys()].find(({ device }) => device !== first.device);
  if (stray !== undefined) {
    throw new TypeError(
      `Cannot optimize ${stray.name} as it is on another device than the first parameter`,
    );
  }
  return byParameter;
}

/** The parameters that take part in a step. @throws {TypeError} if one that must have a gradient has none */
export function withGradients(
  hyper: ReadonlyMap<Parameter, Hyperparameters>,
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
