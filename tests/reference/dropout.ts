// Dropout by counter, as the comment in src/device/kernels/ defines it.

import type { Reference } from "./reference.ts";

export const dropout: Reference<"dropout"> = ({ x, out }, params) => {
  const { length, cols, rowLength, seedLow, seedHigh, first, threshold, scale } = params;
  for (let i = 0; i < length; i++) {
    const index = first + Math.floor(i / cols) * rowLength + i % cols;
    const random = mix(mix(index ^ seedLow) ^ seedHigh);
    out[i] = random >= threshold ? scale * x[i]! : 0;
  }
};

/** lowbias32, Chris Wellons 2018. */
export function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
