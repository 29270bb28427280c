// What every gradient is multiplied by before anything else sees it, with n accumulated micro-batches:
//
//   s = min(1, maxNorm / |g / n|) / n            |g|^2 = sum over all parameters of sum g^2        (Pascanu et al. 2013)
//
// Nothing is read or sent for it: sum g^2 per parameter falls out of the first pass and rides along in the first exchange,
// and s goes into the running averages and the factors (kernel adafactor_moments) instead of into the gradients. A
// parameter's sum adds up only over the groups that cut it, so that one that is whole on many ranks counts once.

import type { Device } from "../device/device.ts";
import { type Plan, totalsOf } from "./adafactor_plan.ts";
import type { HostSums } from "./packed_sums.ts";

/** How gradients are scaled. */
export interface GradientScaling {
  /** Gradients are divided by it. */
  readonly divisor: number;
  /** The norm of all gradients together is brought down to it; undefined for never. */
  readonly maxNorm: number | undefined;
}

/** On one device: writes s, without asking the host. */
export function scaleOnDevice(
  { blocks, gradientScale, sums }: Plan,
  { device, divisor, maxNorm }: GradientScaling & { readonly device: Device },
): void {
  const { offset, length } = totalsOf(blocks);
  device.run("adafactor_gradient_scale", { sums }, {
    ...{ offset, length, slot: gradientScale.offset },
    factor: 1 / divisor,
    maxNorm: maxNorm ?? MAX_F32,
  });
}

/** Puts this rank's share of every parameter's sum g^2 into the exchange. */
export function shareSquares({ blocks }: Plan, host: HostSums): void {
  for (const { total, gradientSquares } of blocks) {
    host.of(gradientSquares)[0] = host.of(total).reduce((sum, square) => sum + square, 0);
  }
}

/** Writes s, the same on every rank, from the sums that came out of the exchange. */
export function scaleOnHost(
  { blocks, gradientScale }: Plan,
  host: HostSums,
  { divisor, maxNorm = Infinity }: GradientScaling,
): void {
  const squares = blocks.reduce((sum, block) => sum + host.of(block.gradientSquares)[0], 0);
  const norm = Math.sqrt(squares) / divisor;
  host.of(gradientScale)[0] = (norm > maxNorm ? maxNorm / norm : 1) / divisor;
}

const MAX_F32 = (2 - 2 ** -23) * 2 ** 127;
