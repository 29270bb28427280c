// Sums of squares over the rows and columns of a tile, through workgroup memory. Rows go in bands of 8 per lane: lanes write
// the sum of each of their quads by `leaveRow`, and after a barrier `joinRows` adds those up. Lanes keep their columns' sums
// in registers until `joinColumns`. Needs `partials`.

// include: tile

// [rows of the band, lanesX], rows 9/8 lanesX apart to spread over the banks.
var<workgroup> rowLanes: array<f32, 2304>;
// [4 columns of each lane, lanesY, lanesX]
var<workgroup> columnLanes: array<f32, 1024>;

// `i` counts the lane's rows in the band, from 0 to 7.
fn leaveRow(tile: Tile, place: Lane, i: u32, quad: vec4f) {
  let sum = fma(quad.x, quad.x, fma(quad.y, quad.y, fma(quad.z, quad.z, quad.w * quad.w)));
  rowLanes[(((i * tile.lanesY + place.y) * 9u) << (tile.shift - 3u)) + place.x] = sum;
}

// Needs all lanes, after a barrier; ends with all lanes past it.
fn joinRows(tile: Tile, place: Lane, lane: u32, bandBegin: u32) {
  // lanesX / 8 lanes per row add 8 values each, then one adds those.
  let shift = tile.shift - 3u;
  let lanesPerRow = 1u << shift;
  let first = (((lane >> shift) * 9u) << shift) + (lane & (lanesPerRow - 1u));
  var part = rowLanes[first];
  for (var j = 0u; j < 7u; j++) { // unroll
    part += rowLanes[first + ((j + 1u) << shift)];
  }
  rowLanes[first] = part;
  workgroupBarrier();
  let row = bandBegin + lane;
  if (lane < 8u * tile.lanesY && row < tile.rowEnd) {
    let begin = (lane * 9u) << shift;
    var sum = rowLanes[begin];
    for (var j = 1u; j < lanesPerRow; j++) {
      sum += rowLanes[begin + j];
    }
    let block = tile.block;
    let at = blocks[block].partials +
      (tile.matrix * blocks[block].rows + row) * tile.numAcross + tile.across;
    if (place.colBegin > tile.colBegin) {
      sum += partials[at];
    }
    partials[at] = sum;
  }
  workgroupBarrier();
}

// The columns' sums over the tile; needs all lanes.
fn joinColumns(tile: Tile, place: Lane, lane: u32, sums: vec4f) {
  for (var j = 0u; j < 4u; j++) { // unroll
    columnLanes[j * 256u + lane] = sums[j];
  }
  workgroupBarrier();
  let block = tile.block;
  let rows = blocks[block].partials + blocks[block].batch * blocks[block].rows * tile.numAcross;
  let start = rows + (tile.matrix * tile.numDown + tile.down) * tile.cols + place.colBegin;
  let width = min(tile.colEnd - place.colBegin, 1024u);
  for (var col = lane; col < width; col += 256u) {
    // Which lane has the column, and as which of its 4.
    var x = col;
    var j = x >> tile.shift;
    if (isPaired()) {
      x = col / 2u;
      j = 2u * (x >> tile.shift) + col % 2u;
    }
    let first = j * 256u + (x & ((1u << tile.shift) - 1u));
    var sum = columnLanes[first];
    for (var y = 1u; y < tile.lanesY; y++) {
      sum += columnLanes[first + (y << tile.shift)];
    }
    partials[start + col] = sum;
  }
}
