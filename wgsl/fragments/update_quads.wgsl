// u = g min(rowFactor colFactor, cap) for quads, with the factors of src/device/block_table.ts: rows [batch, rows], columns
// [batch, cols], the cap. Needs `factors`.

// include: tile

struct Factors {
  // Index of the first row factor of the tile's matrix.
  rows: u32,
  cols: vec4f,
  cap: f32,
}

// The factors of a lane's columns; 0 for those that are not in the tile.
fn factorsOf(tile: Tile, place: Lane) -> Factors {
  let first = blocks[tile.block].factors;
  let numRows = blocks[tile.block].batch * blocks[tile.block].rows;
  let numCols = blocks[tile.block].batch * blocks[tile.block].cols;
  let at = first + numRows + tile.matrix * blocks[tile.block].cols;
  var cols = vec4f();
  for (var j = 0u; j < 4u; j++) { // unroll
    if (place.isIn[j]) {
      cols[j] = factors[at + place.cols[j]];
    }
  }
  let rows = first + tile.matrix * blocks[tile.block].rows;
  return Factors(rows, cols, factors[first + numRows + numCols]);
}

// A row beyond the tile's end has the last one's factor, for gradients that are 0.
fn rowFactorOf(tile: Tile, by: Factors, row: u32) -> f32 {
  return factors[by.rows + min(row, tile.rowEnd - 1u)];
}

fn updateOf(by: Factors, rowFactor: f32, grad: vec4f) -> vec4f {
  return grad * min(rowFactor * by.cols, vec4f(by.cap));
}
