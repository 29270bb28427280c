// The source of initial values of layers that are made without one.

import { RandomSource } from "./philox.ts";

let source = new RandomSource(0);

/** The source: layers that are made in the same order have the same values, in every process. */
export function defaultRandom(): RandomSource {
  return source;
}

/**
 * Begins the source of initial values of layers that are made without `random` anew. A program begins with the seed 0, on every rank.
 *
 * @throws {RangeError} if `seed` is not an integer from 0 to 2^32 - 1.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Linear, manualSeed, requestDevice } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * manualSeed(7);
 * using one = new Linear(device, { inFeatures: 4, outFeatures: 2 });
 * manualSeed(7);
 * using same = new Linear(device, { inFeatures: 4, outFeatures: 2 });
 * assert.deepEqual(await one.weight.data(), await same.weight.data());
 * ```
 *
 * @category Layers
 */
export function manualSeed(seed: number): void {
  source = new RandomSource(seed);
}
