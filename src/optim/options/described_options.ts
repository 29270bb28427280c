// Options as text, so that ranks can compare theirs (optim/placement/agreement.ts): each by its name, with its parameters where
// there are groups of them. A function of the step is compared by its values at many steps.

import type { Compared } from "../../distributed/agreement.ts";
import type { Parameter } from "../../tensor/parameter.ts";
import { spanOf } from "../../tensor/parameter_names.ts";
import type { ParsedOptions } from "./parameter_groups.ts";
import type { Schedule } from "./schedule.ts";

/** The options that were given; `nextStep` is the step that comes next. */
export function describeOptions(
  { given, gradients }: Pick<ParsedOptions<unknown>, "given" | "gradients">,
  nextStep: number,
): Compared[] {
  const { onLostUpdates: _, ...whole } = gradients;
  const groups = Map.groupBy(given.keys(), (parameter) => given.get(parameter)!);
  return [
    ...described(whole, "", nextStep),
    ...[...groups].flatMap(([options, parameters]) => {
      const suffix = groups.size === 1 ? "" : ` of ${spanOf(parameters)}`;
      return described(options, suffix, nextStep);
    }),
  ];
}

/** The number of the options that the parameter has, among all that there are. */
export function groupOf(parameter: Parameter, { given }: Pick<ParsedOptions<unknown>, "given">) {
  return [...new Set(given.values())].indexOf(given.get(parameter)!);
}

function described(options: object, suffix: string, nextStep: number): Compared[] {
  return Object.entries(options).flatMap(([name, value]: [string, unknown]): Compared[] => {
    if (value === undefined) return [];
    const whole = { name: name + suffix, value: textOf(value) };
    if (typeof value !== "function") return [whole];
    return [
      whole,
      ...stepsFrom(nextStep).map((step) => ({
        name: `${name}(${step})${suffix}`,
        value: valueAt(value as Schedule, step),
      })),
    ];
  });
}

function valueAt(schedule: Schedule, step: number): string {
  try {
    return textOf(schedule(step));
  } catch (error) {
    return `an error (${error})`;
  }
}

/** Also of numbers that JSON does not have. */
function textOf(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (Object.is(value, -0)) return "-0";
  if (Array.isArray(value)) return `[${value.map(textOf).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{ ${entries.map(([key, each]) => `${key}: ${textOf(each)}`).join(", ")} }`;
}

/** 1, 2, 5, 10, 20, 50, ... counted from `first`, and from the beginning: schedules differ in where they bend. */
function stepsFrom(first: number): number[] {
  const distances = Array.from({ length: 7 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power));
  const later = distances.flat().map((distance) => first - 1 + distance);
  return [...new Set([...distances.flat(), ...later])].sort((a, b) => a - b);
}
