// Tiles of a part (device/block_table.ts): a tile's row sums and column sums are what a pass leaves per tile,
//
//   elements / tileCols + elements / tileRows      so 64 x 512 leaves 1.8 % of what it has read,
//
// and there must be many more tiles than a GPU has cores. They depend on the part's shape alone.

/** Rows and columns of the tiles of a part. */
export function tileShape(
  { rows, cols }: { readonly rows: number; readonly cols: number },
): { readonly tileRows: number; readonly tileCols: number } {
  return {
    tileRows: Math.max(1, Math.min(rows, TILE_ROWS)),
    tileCols: Math.max(1, Math.min(cols, TILE_COLS)),
  };
}

const TILE_ROWS = 64;
const TILE_COLS = 512;
