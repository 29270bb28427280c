// y = x / (1 - p) with probability 1 - p, else 0, elementwise (Srivastava et al. 2014).        dx = the same of dy
//
// Whether an element is kept depends only on the key and its index: the same on every device, in backward and when a block is
// recomputed, so no mask is stored.

import { checkOptions } from "../tensor/option_names.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats, checkNumbers, inF32 } from "./operands.ts";

/**
 * A mask: which elements are dropped.
 *
 * @category Ops
 */
export interface DropoutMask {
  /** p: the probability that an element is dropped, from 0 up to but not including 1. */
  readonly probability: number;
  /** Two 32-bit words, different for every layer and step. */
  readonly key: readonly [number, number];
}

/**
 * Options of {@linkcode dropout}.
 *
 * @category Ops
 */
export interface DropoutOptions extends DropoutMask {
  /** Index of the first element, if `x` is a part of a tensor that is split over ranks. Default: 0. */
  readonly firstIndex?: number;
  /** Distance between the beginnings of rows of the last dim, if each is a part of a longer one. Default: their length. */
  readonly rowLength?: number | undefined;
}

/**
 * Sets random elements to 0 and scales the others up.
 *
 * @throws {RangeError} if the probability or the key is invalid
 *
 * @example
 * ```ts
 * import { dropout, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 1, 1, 1]);
 * using y = dropout(x, { probability: 0.5, key: [1, 3] });
 * console.log(await y.data()); // 2, 0, 2, 0
 * ```
 *
 * @category Ops
 */
export function dropout(x: FloatTensor, options: DropoutOptions): Tensor {
  checkOptions("dropout()", options, ["probability", "key", "firstIndex", "rowLength"]);
  checkFloats("dropout", { x });
  const words = maskParameters("dropout", options);
  const masked = (from: FloatTensor) => applyMask(from, { ...options, ...words });
  return masked(x).computedBy({ op: "dropout", inputs: [x], gradient: (dy) => [masked(dy)] });
}

/**
 * The mask as kernel parameters: random words below `threshold` are dropped, and kept elements are multiplied by `scale`.
 *
 * @throws {RangeError} as {@linkcode dropout}
 */
export function maskParameters(
  op: string,
  { probability, key }: DropoutMask,
): {
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly threshold: number;
  readonly scale: number;
} {
  if (!(probability >= 0 && probability < 1)) {
    throw new RangeError(`${op}() wants a probability from 0 to below 1, got ${probability}`);
  }
  checkNumbers(op, "key", key);
  const [seedLow, seedHigh] = key;
  if (seedLow !== seedLow >>> 0 || seedHigh !== seedHigh >>> 0) {
    throw new RangeError(`${op}() wants a key of two u32, got ${seedLow}, ${seedHigh}`);
  }
  const threshold = Math.min(Math.round(probability * 2 ** 32), 2 ** 32 - 1);
  return { seedLow, seedHigh, threshold, scale: 1 / (1 - probability) };
}

function applyMask(
  x: FloatTensor,
  options: ReturnType<typeof maskParameters> & DropoutOptions,
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
