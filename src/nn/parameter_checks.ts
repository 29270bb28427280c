// Checks of the parameters that layers are made of, for callers without types.

import { kindOf } from "../tensor/argument_checks.ts";
import { Parameter } from "../tensor/parameter.ts";

/** @throws {TypeError} if the weight, or the bias where there is one, is no parameter */
export function requireParameters(
  owner: string,
  { weight, bias }: { readonly weight: unknown; readonly bias?: unknown },
): void {
  requireParameter(owner, "weight", weight);
  if (bias !== undefined) requireParameter(owner, "bias", bias);
}

function requireParameter(owner: string, name: string, value: unknown): void {
  if (value instanceof Parameter) return;
  throw new TypeError(
    `${owner} wants a parameter for ${name}, got ${
      kindOf(value)
    }: make one with new Parameter(device, [...], { shape })`,
  );
}
