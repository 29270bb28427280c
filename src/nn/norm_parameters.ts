// The initial parameters of a norm: weights of 1, biases of 0.

import type { Device } from "../device/device.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { Parameter } from "../tensor/parameter.ts";

/**
 * The size of a norm, and how its parameters are stored.
 *
 * @category Layers
 */
export interface NormSize {
  /** C: length of the last dim, at least 1. */
  readonly features: number;
  /** How parameters are stored. Default: f32. */
  readonly dtype?: FloatType;
  /** How their gradients are stored. Default: as the parameters are. */
  readonly gradientDtype?: FloatType;
}

/** A parameter [C] with `value` everywhere. @throws {RangeError} if C is no positive integer */
export function constantParameter(device: Device, value: number, size: NormSize): Parameter {
  const { features, dtype = "f32", gradientDtype = dtype } = size;
  if (!Number.isSafeInteger(features) || features < 1) {
    throw new RangeError(`Wanted features to be an integer from 1, got ${features}`);
  }
  const values = new Float32Array(features).fill(value);
  return new Parameter(device, values, { shape: [features], dtype, gradientDtype });
}
