// Tiles of a part (block_table.ts): the piece that one workgroup, or one pass of a CPU core, works on. Their size depends on
// the part's shape and the kind of device alone, never on how the parameter is sharded. A tile leaves its row sums and column
// sums, elements / tileCols + elements / tileRows in all, so large tiles leave few sums to be joined.
//
//   wasm     256 x 512: rows of a tile are long runs of memory, its column sums stay in the first-level cache, and the sums
//            of tiles are less than a part in 170 of a parameter (f32)
//   webgpu   256 lanes with 4 columns x 8 rows each, 128 columns wide where that fits (laid out by
//            wgsl/fragments/tile.wgsl), twice as high in large parts, where there are enough tiles to keep every core of a
//            GPU busy and fewer workgroups cost less overhead; at most 64 down and 64 across a part

import type { DeviceKind } from "../device.ts";

/** Rows and columns of one part. */
export interface PartShape {
  readonly rows: number;
  readonly cols: number;
}

/** Rows and columns of its tiles. */
export interface TileShape {
  readonly tileRows: number;
  readonly tileCols: number;
}

/** How parts of this shape are cut into tiles on this kind of device. */
export function tileShape(kind: DeviceKind, part: PartShape): TileShape {
  return kind === "wasm" ? runs(part) : lanes(part);
}

function runs({ rows, cols }: PartShape): TileShape {
  return {
    tileRows: Math.max(1, Math.min(rows, 256)),
    tileCols: Math.max(1, Math.min(cols, 512)),
  };
}

function lanes({ rows, cols }: PartShape): TileShape {
  const lanesDown = [1, 2, 4].find((count) => count >= rows) ?? 8;
  let tileCols = narrowed(COLS_OF_ALL_LANES / lanesDown, cols);
  while (cols > MAX_TILES * tileCols) tileCols *= 2;
  const band = ROWS_PER_LANE * Math.max(1, COLS_OF_ALL_LANES / tileCols);
  const down = Math.ceil(rows / band);
  const bands = down * Math.ceil(cols / tileCols) > MANY_TILES ? 2 : 1;
  return { tileRows: band * Math.max(bands, Math.ceil(down / MAX_TILES)), tileCols };
}

/** The widest tiles of which at most an eighth is beyond the part's end, or else those with the least waste. */
function narrowed(widest: number, cols: number): number {
  const widths: number[] = [];
  for (let width = widest; width >= NARROWEST; width /= 2) widths.push(width);
  const covered = (width: number) => Math.ceil(cols / width) * width;
  const least = Math.min(...widths.map(covered));
  return widths.find((width) => covered(width) <= Math.max(least, 1.125 * cols))!;
}

/** 256 lanes of 4 columns. */
const COLS_OF_ALL_LANES = 1024;
const ROWS_PER_LANE = 8;
const NARROWEST = 32;
const MAX_TILES = 64;
const MANY_TILES = 16;
