// Windows of a grid of tokens: attention within them costs what their size is, not the image's (Li et al. 2022, "Exploring plain vision
// transformer backbones").
//
//   x [B, R C, D], row by row  ->  padded with zeros to whole windows of w x w  ->  [B ceil(R / w) ceil(C / w), w w, D]

import { pad } from "../../ops/pad.ts";
import { permute } from "../../ops/permute.ts";
import { reshape } from "../../ops/reshape.ts";
import { slice } from "../../ops/slice.ts";
import type { FloatTensor, Tensor } from "../../tensor/tensor.ts";
import type { GridDescription } from "./block_description.ts";

/** A grid and the side of its windows. */
export interface GridWindows {
  /** R */
  readonly rows: number;
  /** C */
  readonly columns: number;
  /** w: rows and columns of a window. */
  readonly window: number;
}

/** The rows and columns of tokens that attend to one another: those of a window, or of the whole grid. */
export function attendedPlaces(
  { rows, columns, window }: GridDescription,
): Omit<GridWindows, "window"> {
  return window === undefined ? { rows, columns } : { rows: window, columns: window };
}

/** The windows of a grid, if it is divided into any. */
export function windowsOf(grid: GridDescription | undefined): GridWindows | undefined {
  return grid?.window === undefined ? undefined : { ...grid, window: grid.window };
}

/** Number of windows of a grid, those with padding included. */
export function countWindows({ rows, columns, window }: GridWindows): number {
  return Math.ceil(rows / window) * Math.ceil(columns / window);
}

/** x [B, R C, D] -> [B n, w w, D], the n windows of each grid row by row. */
export function toWindows(x: FloatTensor, { rows, columns, window }: GridWindows): Tensor {
  const [batch, , width] = x.shape;
  const [down, across] = [rows, columns].map((length) => Math.ceil(length / window));
  const grid = reshape(x, [batch, rows, columns, width]);
  const below = down * window - rows;
  const right = across * window - columns;
  const padded = below + right === 0
    ? grid
    : pad(grid, { widths: [[0, below], [0, right], [0, 0]] });
  const strips = reshape(padded, [batch * down, window, across, window * width]);
  return reshape(permute(strips, [0, 2, 1, 3]), [batch * down * across, window * window, width]);
}

/** The inverse of {@linkcode toWindows}, without the padding. */
export function fromWindows(x: FloatTensor, { rows, columns, window }: GridWindows): Tensor {
  const [windows, , width] = x.shape;
  const [down, across] = [rows, columns].map((length) => Math.ceil(length / window));
  const batch = windows / (down * across);
  const strips = permute(reshape(x, [batch * down, across, window, window * width]), [0, 2, 1, 3]);
  const padded = reshape(strips, [batch, down * window, across * window, width]);
  const ofRows = slice(padded, { dim: 1, begin: 0, end: rows });
  const ofGrid = slice(ofRows, { dim: 2, begin: 0, end: columns });
  return reshape(ofGrid, [batch, rows * columns, width]);
}
