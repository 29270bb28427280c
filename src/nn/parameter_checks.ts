// Checks of what layers are made of - parameters, other layers, groups of ranks - for callers without types.

import { kindOf } from "../tensor/argument_checks.ts";
import { Parameter } from "../tensor/parameter.ts";
import { Module } from "./module.ts";
import { RandomSource } from "./philox.ts";

/** @throws {TypeError} if the weight, or the bias where there is one, is no parameter */
export function requireParameters(
  owner: string,
  { weight, bias }: { readonly weight: unknown; readonly bias?: unknown },
): void {
  requireParameter(owner, "weight", weight);
  if (bias !== undefined) requireParameter(owner, "bias", bias);
}

/** @throws {TypeError} if it is no layer with a weight, and perhaps a bias */
export function requireWeights(owner: string, layer: unknown): void {
  if (layer instanceof Module && "weight" in layer) {
    return requireParameters(owner, layer as { weight: unknown });
  }
  throw new TypeError(`${owner} wants a layer with a weight, got ${kindOf(layer)}`);
}

/** @throws {TypeError} if it is no source of random numbers */
export function requireRandom(owner: string, random: unknown): void {
  if (random instanceof RandomSource) return;
  throw new TypeError(
    `${owner} wants a source of random numbers for random, new RandomSource(seed), got ${
      kindOf(random)
    }`,
  );
}

/** @throws {TypeError} if it is no group of ranks */
export function requireGroup(owner: string, group: unknown): void {
  if (typeof group === "object" && group !== null && "rank" in group && "size" in group) return;
  throw new TypeError(
    `${owner} wants a group of ranks for processGroup, such as await mesh.getGroupAlongAxis(0), got ${
      kindOf(group)
    }`,
  );
}

function requireParameter(owner: string, name: string, value: unknown): void {
  if (value instanceof Parameter) return;
  throw new TypeError(
    `${owner} wants a parameter for ${name}, got ${
      kindOf(value)
    }: make one with new Parameter(device, [...], { shape })`,
  );
}
