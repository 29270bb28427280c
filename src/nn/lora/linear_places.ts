// The places in a model that hold whole linear layers, which can be replaced there.

import type { Parameter } from "../../tensor/parameter.ts";
import { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import { TransposedLinear } from "../transposed_linear.ts";
import { LoraLinear } from "./lora_linear.ts";

/** A field, or an entry of an array, Map or plain object, that holds a linear layer. */
export interface LinearPlace {
  readonly path: string;
  readonly layer: Linear | TransposedLinear;
  readonly replace: (layer: Module<never>) => void;
}

/**
 * The places that `targets` choose, in the order of the model's fields.
 *
 * @throws {TypeError} if a target is at no place, or one is chosen whose weight other modules have too.
 */
export function chosenPlaces(
  model: Module<never>,
  targets: readonly string[] | RegExp | undefined,
): LinearPlace[] {
  const places = linearPlaces(model);
  const numUses = usesOfWeights(model);
  const isTied = ({ layer }: LinearPlace) => numUses.get(layer.weight)! > 1;
  if (targets === undefined) {
    const untied = places.filter((place) => place.path !== HEAD && !isTied(place));
    if (untied.length > 0) return untied;
    throw new TypeError("addLora() found no linear layer in the model that has no addition yet");
  }
  const matches = targets instanceof RegExp
    ? [{ target: `${targets}`, chosen: places.filter(({ path }) => targets.test(path)) }]
    : targets.map((target) => ({
      target,
      chosen: places.filter(({ path }) => path === target || path.endsWith(`.${target}`)),
    }));
  for (const { target, chosen } of matches) {
    if (chosen.length > 0) continue;
    const known = places.slice(0, MOST_SHOWN).map(({ path }) => path).join(", ");
    throw new TypeError(
      `addLora() found no whole linear layer without an addition at ${target}; the model has ` +
        (places.length === 0 ? "none" : `${places.length}, such as ${known}`),
    );
  }
  const chosen = new Set(matches.flatMap(({ chosen }) => chosen));
  const tied = [...chosen].find(isTied);
  if (tied !== undefined) {
    throw new TypeError(
      `addLora() cannot add to ${tied.path}, as its weight is that of another module too: leave it out of the targets`,
    );
  }
  return places.filter((place) => chosen.has(place));
}

/** All places, those of one layer together under the first path. */
export function linearPlaces(model: Module<never>): LinearPlace[] {
  const places = new Map<LinearPlace["layer"], LinearPlace>();
  const visited = new Set<unknown>();
  const visit = (value: unknown, path: string, replace: LinearPlace["replace"]): void => {
    if (value instanceof Linear || value instanceof TransposedLinear) {
      const known = places.get(value);
      const replaceAll = (layer: Module<never>) => {
        known?.replace(layer);
        replace(layer);
      };
      places.set(value, { path: known?.path ?? path, layer: value, replace: replaceAll });
      return;
    }
    if (visited.has(value) || value instanceof LoraLinear) return;
    visited.add(value);
    for (const { key, part, set } of partsOf(value)) {
      visit(part, path === "" ? key : `${path}.${key}`, set);
    }
  };
  visit(model, "", () => {
    throw new TypeError("addLora() wants a model that holds linear layers, got one linear layer");
  });
  return [...places.values()];
}

/** What a module or a container holds, and how to replace it there. */
function partsOf(
  value: unknown,
): { readonly key: string; readonly part: unknown; readonly set: LinearPlace["replace"] }[] {
  if (value instanceof Map) {
    return [...value].map(([key, part]) => ({
      key: `${key}`,
      part,
      set: (layer) => value.set(key, layer),
    }));
  }
  if (typeof value !== "object" || value === null) return [];
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype;
  if (!isPlain && !Array.isArray(value) && !(value instanceof Module)) return [];
  const fields = value as Record<string, unknown>;
  return Object.keys(fields).map((key) => ({
    key,
    part: fields[key],
    set: (layer) => fields[key] = layer,
  }));
}

function usesOfWeights(model: Module<never>): Map<Parameter, number> {
  const uses = new Map<Parameter, number>();
  for (const module of model.modules()) {
    if (!("weight" in module)) continue;
    const weight = module.weight as Parameter;
    uses.set(weight, (uses.get(weight) ?? 0) + 1);
  }
  return uses;
}

/** The field of a language model that holds the layer of logits. */
const HEAD = "head";

const MOST_SHOWN = 8;
