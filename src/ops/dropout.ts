// y = x / (1 - p) with probability 1 - p, else 0, elementwise (Srivastava et al. 2014).        dx = the same of dy
//
// Whether an element is kept follows from the key and its index alone: the same on every device, the same in backward and
// in a block that is computed again, and nothing is kept for it.

import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { inF32 } from "./operands.ts";

/** What is dropped. */
export interface Dropping {
  /** p: the probability of 0, from 0 up to but not including 1. */
  readonly probability: number;
  /** Two 32-bit words; another key for every layer and step. */
  readonly key: readonly [number, number];
}

/** Options of {@linkcode dropout}. */
export interface DropoutOptions extends Dropping {
  /** Index of the first element, where `x` is a part of something that is cut over ranks. Default 0. */
  readonly firstIndex?: number;
  /** How far rows of the last dim begin apart, where each is a part of a longer one. Default: as long as they are. */
  readonly rowLength?: number | undefined;
}

/** Dropout. @throws {RangeError} if the probability is not from 0 to below 1, or the key no pair of 32-bit words */
export function dropout(x: FloatTensor, options: DropoutOptions): Tensor {
  const words = droppingWords("dropout", options);
  const thinned = (from: FloatTensor) => thin(from, { ...options, ...words });
  return thinned(x).computedBy({ op: "dropout", inputs: [x], gradient: (dy) => [thinned(dy)] });
}

/**
 * What kernels are told: random words below `threshold` are dropped, and what is kept is multiplied by `scale`.
 *
 * @throws {RangeError} as {@linkcode dropout}
 */
export function droppingWords(
  op: string,
  { probability, key: [seedLow, seedHigh] }: Dropping,
): {
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly threshold: number;
  readonly scale: number;
} {
  if (!(probability >= 0 && probability < 1)) {
    throw new RangeError(`${op}() wants a probability from 0 to below 1, got ${probability}`);
  }
  if (seedLow !== seedLow >>> 0 || seedHigh !== seedHigh >>> 0) {
    throw new RangeError(`${op}() wants a key of two u32, got ${seedLow}, ${seedHigh}`);
  }
  const threshold = Math.min(Math.round(probability * 2 ** 32), 2 ** 32 - 1);
  return { seedLow, seedHigh, threshold, scale: 1 / (1 - probability) };
}

function thin(
  x: FloatTensor,
  options: ReturnType<typeof droppingWords> & DropoutOptions,
): Tensor {
  const { seedLow, seedHigh, threshold, scale, firstIndex = 0 } = options;
  const cols = Math.max(x.shape.at(-1) ?? 1, 1);
  const y = Tensor.empty(x.device, x.shape);
  inF32([x], (x) => {
    x.device.run("dropout", { x: x.buffer, out: y.buffer }, {
      length: x.length,
      cols,
      rowLength: options.rowLength ?? cols,
      seedLow,
      seedHigh,
      threshold,
      scale,
      first: firstIndex % 2 ** 32,
    });
  });
  return y;
}
