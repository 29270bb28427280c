// y = x with a value around it.        dx = the part of dy that was x

import { formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { checkFloats } from "./operands.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { copyPart } from "./slice.ts";

/**
 * Options of {@linkcode pad}.
 *
 * @category Ops
 */
export interface PadOptions {
  /** For each of the last dims how many elements go before it and after it; dims before those stay. */
  readonly widths: readonly (readonly [before: number, after: number])[];
  /** What they are. Default: 0. */
  readonly value?: number;
}

/**
 * `x` with `value` before and after its last dims.
 *
 * @throws {RangeError} if there are more widths than dims, or one is no integer from 0.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { pad } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using x = Tensor.from(device, [1, 2], { shape: [1, 2] });
 * using y = pad(x, { widths: [[1, 0], [0, 1]] });
 * console.log(y.shape, await y.data()); // [2, 3]: 0, 0, 0, 1, 2, 0
 * ```
 *
 * @category Ops
 */
export function pad(x: FloatTensor, options: PadOptions): Tensor {
  checkFloats("pad", { x });
  checkOptions("pad()", options, ["widths", "value"]);
  const { widths, value = 0 } = options;
  const isWidth = (width: number) => Number.isSafeInteger(width) && width >= 0;
  if (
    !Array.isArray(widths) || widths.length > x.shape.length ||
    !widths.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isWidth))
  ) {
    throw new RangeError(
      `pad() wants [before, after] from 0 for at most ${x.shape.length} dims, got ${
        JSON.stringify(widths)
      } for ${formatShape(x.shape)}`,
    );
  }
  const dims = widths
    .map(([before, after], k) => ({ dim: x.shape.length - widths.length + k, before, after }))
    .filter(({ before, after }) => before + after > 0);
  let y = x.copyAs("f32");
  for (const { dim, before, after } of dims) {
    const count = y.shape[dim]!;
    const wider = Tensor.empty(x.device, y.shape.with(dim, before + count + after));
    const all = { offset: 0, length: wider.length, value };
    x.device.run("fill", { out: wider.buffer }, all);
    copyPart(y, wider, { dim, fromBegin: 0, toBegin: before, count });
    y.release();
    y = wider;
  }
  return y.computedBy({
    op: "pad",
    inputs: [x],
    gradient: (dy) => {
      let dx = dy;
      for (const { dim, before } of dims.toReversed()) {
        const count = x.shape[dim]!;
        const narrower = Tensor.empty(x.device, dx.shape.with(dim, count));
        copyPart(dx, narrower, { dim, fromBegin: before, toBegin: 0, count });
        if (dx !== dy) dx.release();
        dx = narrower;
      }
      return [dx];
    },
  });
}
