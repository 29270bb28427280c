// y = x / (1 - p) with probability 1 - p, else 0, elementwise (Srivastava et al. 2014).        dx = the same of dy
//
// Whether an element is kept follows from the key and its index alone: the same on every device, the same in backward and
// in a block that is computed again, and nothing is kept for it.

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";

/** Options of {@linkcode dropout}. */
export interface DropoutOptions {
  /** p: the probability of 0, from 0 up to but not including 1. */
  readonly probability: number;
  /** Two 32-bit words; another key for every layer, step and (where activations differ) rank. */
  readonly key: readonly [number, number];
  /** Index of the first element, where `x` is a part of something that is cut over ranks. Default 0. */
  readonly firstIndex?: number;
}

/** Dropout. @throws {RangeError} if the probability is not from 0 to below 1, or the key no pair of 32-bit words */
export function dropout(x: FloatTensor, options: DropoutOptions): Tensor {
  const { probability, key: [seedLow, seedHigh] } = options;
  if (!(probability >= 0 && probability < 1)) {
    throw new RangeError(`dropout() wants a probability from 0 to below 1, got ${probability}`);
  }
  if (seedLow !== seedLow >>> 0 || seedHigh !== seedHigh >>> 0) {
    throw new RangeError(`dropout() wants a key of two u32, got ${options.key.join(", ")}`);
  }
  const thinned = (from: FloatTensor) => thin(from, options);
  return thinned(x).computedBy({ op: "dropout", inputs: [x], gradient: (dy) => [thinned(dy)] });
}

function thin(
  x: FloatTensor,
  { probability, key: [seedLow, seedHigh], firstIndex = 0 }: DropoutOptions,
): Tensor {
  const y = Tensor.empty(x.device, x.shape);
  inF32([x], (x) => {
    x.device.run("dropout", { x: x.buffer, out: y.buffer }, {
      ...{ length: x.length, seedLow, seedHigh },
      first: firstIndex % 2 ** 32,
      threshold: Math.min(Math.round(probability * 2 ** 32), 2 ** 32 - 1),
      scale: 1 / (1 - probability),
    });
  });
  return y;
}
