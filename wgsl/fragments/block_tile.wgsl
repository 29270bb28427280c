// A matrix [rows, cols] is cut into tiles of 32 rows x 256 columns, one per workgroup of 256. An invocation takes the rows
// row + 4 i (i < 8) and the columns col + 64 j (j < 4), so that neighbours read neighbours.

struct Place {
  row: u32,
  col: u32,
  rowTile: u32,
  colTile: u32,
}

fn tilesDown(rows: u32) -> u32 {
  return (rows + 31u) / 32u;
}

fn tilesAcross(cols: u32) -> u32 {
  return (cols + 255u) / 256u;
}

fn placeInTile(tile: u32, lane: u32) -> Place {
  let across = tilesAcross(params.cols);
  let rowTile = tile / across;
  let colTile = tile % across;
  return Place(rowTile * 32u + lane / 64u, colTile * 256u + lane % 64u, rowTile, colTile);
}
