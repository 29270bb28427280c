// Which dims of a tensor an op works on, as its caller names them: by number, negative ones from the last.

import { formatShape } from "../tensor/shape.ts";
import { checkOptions } from "../tensor/option_names.ts";

/**
 * Which dims a reduction is over.
 *
 * @category Ops
 */
export interface DimsOptions {
  /** A dim, or several: from 0, or from -1 backwards. Default: all. */
  readonly dim?: number | readonly number[];
  /** Whether the dims stay, with length 1, so that the result can be broadcast with `x`. Default: false. */
  readonly keepDims?: boolean;
}

/** A tensor's shape is all that matters here. */
interface Shaped {
  readonly shape: readonly number[];
}

/** The dim from 0. @throws {RangeError} if there is none of this number. */
export function dimOf(op: string, { shape }: Shaped, dim: number): number {
  if (!Number.isInteger(dim) || dim < -shape.length || dim >= shape.length) {
    throw new RangeError(
      `${op}() wants a dim from ${-shape.length} to ${shape.length - 1} of ${
        formatShape(shape)
      }, got ${dim}`,
    );
  }
  return dim < 0 ? dim + shape.length : dim;
}

/** The dims from 0, all if none is named. @throws {RangeError} if there is no such dim, or it is named twice. */
export function dimsOf(op: string, x: Shaped, options: DimsOptions): number[] {
  checkOptions(`${op}()`, options, ["dim", "keepDims"]);
  const { dim, keepDims = false } = options;
  if (typeof keepDims !== "boolean") {
    throw new TypeError(`${op}() wants keepDims true or false, got ${keepDims}`);
  }
  if (dim === undefined) return [...x.shape.keys()];
  const dims = (typeof dim === "number" ? [dim] : dim).map((each) => dimOf(op, x, each));
  if (new Set(dims).size < dims.length) {
    throw new RangeError(`${op}() wants every dim once, got [${dim}] of ${formatShape(x.shape)}`);
  }
  return dims;
}

/** `shape` without `dims`, or with 1 in their place. */
export function shapeAfter(
  shape: readonly number[],
  dims: readonly number[],
  { keepDims = false }: DimsOptions,
): number[] {
  return keepDims
    ? shape.map((length, dim) => dims.includes(dim) ? 1 : length)
    : shape.filter((_, dim) => !dims.includes(dim));
}
