// ALiBi (Press et al. 2021, "Train short, test long"): scores decrease linearly with distance, with a slope for every head, instead of
// position embeddings.
//
//   bias[h, s - t + T - 1] = -slope_h |s - t|
//   slope_h = 2^(-8 (h + 1) / n),  h = 0 ... n - 1          n: the largest power of two that is at most H; the other heads
//   slope_(n + i) = 2^(-8 (2 i + 1) / (2 n))                have every second slope of 2 n heads      (BLOOM, MPT)

import type { Device } from "../../device/device.ts";
import { checkOptions } from "../../tensor/option_names.ts";
import { Tensor } from "../../tensor/tensor.ts";

/**
 * Options of {@linkcode alibiBias}.
 *
 * @category Models
 */
export interface AlibiOptions {
  /** H: heads of the model. */
  readonly heads: number;
  /** T */
  readonly queries: number;
  /** S. Default: T. */
  readonly keys?: number;
  /** The slope of the last head of a power of two is 2^-maxBias: MPT's `alibi_bias_max`. Default: 8. */
  readonly maxBias?: number;
  /** The heads of this rank, from the first to one past the last. Default: all. */
  readonly own?: { readonly begin: number; readonly end: number };
}

/**
 * The slopes of `heads` heads.
 *
 * @throws {RangeError} if `heads` is no integer from 1
 *
 * @example
 * ```ts
 * import { alibiSlopes } from "@meshfactor/adafactor/models";
 *
 * console.log(alibiSlopes(4)); // 0.25, 0.0625, 0.015625, 0.00390625
 * ```
 *
 * @category Models
 */
export function alibiSlopes(
  heads: number,
  options: { readonly maxBias?: number } = {},
): number[] {
  checkOptions("alibiSlopes()", options, ["maxBias"]);
  const { maxBias = 8 } = options;
  if (!Number.isSafeInteger(heads) || heads < 1) {
    throw new RangeError(`alibiSlopes() wants a number of heads from 1, got ${heads}`);
  }
  const power = 2 ** Math.floor(Math.log2(heads));
  return Array.from(
    { length: heads },
    (_, h) =>
      h < power
        ? 2 ** (-maxBias * (h + 1) / power)
        : 2 ** (-maxBias * (2 * (h - power) + 1) / (2 * power)),
  );
}

/**
 * The bias that `attention()` adds to scores, [H, T + S - 1], a leaf that the caller disposes of.
 *
 * @throws {RangeError} if there are no heads or no positions, or `own` is out of range.
 *
 * @example
 * ```ts
 * import { requestDevice } from "@meshfactor/adafactor";
 * import { alibiBias } from "@meshfactor/adafactor/models";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using bias = alibiBias(device, { heads: 2, queries: 3 });
 * console.log(bias.shape); // [2, 5], for the option `bias` of attention()
 * ```
 *
 * @category Models
 */
export function alibiBias(
  device: Device,
  options: AlibiOptions,
): Tensor {
  checkOptions("alibiBias()", options, ["heads", "queries", "keys", "maxBias", "own"]);
  const { heads, queries, keys = queries, maxBias = 8, own = { begin: 0, end: heads } } = options;
  const slopes = alibiSlopes(heads, { maxBias });
  if (!(queries >= 1 && keys >= 1)) {
    throw new RangeError(`alibiBias() wants queries and keys, got ${queries} and ${keys}`);
  }
  if (!(0 <= own.begin && own.begin <= own.end && own.end <= heads)) {
    throw new RangeError(`alibiBias() wants heads of ${heads}, got ${own.begin} to ${own.end}`);
  }
  const distances = queries + keys - 1;
  const shape = [own.end - own.begin, distances];
  const values = Float32Array.from(
    { length: shape[0] * distances },
    (_, at) =>
      0 - slopes[own.begin + Math.floor(at / distances)] * Math.abs(at % distances - queries + 1),
  );
  return Tensor.from(device, values, { shape });
}
