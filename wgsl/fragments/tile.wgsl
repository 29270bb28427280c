// One workgroup of 256 has one tile: the last block that begins at or before it, then its place in the block. Tiles run
// over matrices, then down, then across; a part's last ones are smaller. Needs `isPaired`.
//
// Lanes are laid out over the tile as lanesX x lanesY; lanesX is the power of two from 8 to 256 of which 4 times as many columns cover
// tileCols. A lane has 4 columns, so that neighbours read neighbouring words (a quad of what follows is one row of them):
//
//   x, x + lanesX, x + 2 lanesX, x + 3 lanesX     or, where a tensor has two elements to a word (`isPaired`),
//   2 x, 2 x + 1, 2 (x + lanesX), 2 (x + lanesX) + 1
//
// and goes down the rows rowBegin + y, + lanesY, ...; where a tile is wider than 1024, all go over it again, 1024 columns
// further. So the elements that a lane sums, and their order, depend on the tile's shape alone.

// include: block

struct Tile {
  block: u32,
  matrix: u32,
  rowBegin: u32,
  rowEnd: u32,
  colBegin: u32,
  colEnd: u32,
  // Which tile of its matrix, and of how many.
  down: u32,
  across: u32,
  numDown: u32,
  numAcross: u32,
  // The element of the block's tensors in which its matrix begins, and elements of a row.
  first: u32,
  cols: u32,
  // The layout of lanes: log2 of lanesX, and lanesY.
  shift: u32,
  lanesY: u32,
}

fn tileAt(number: u32) -> Tile {
  var block = params.firstBlock;
  var lastBlock = block + params.numBlocks;
  while (lastBlock - block > 1u) {
    let middle = (block + lastBlock) / 2u;
    if (blocks[middle].firstTile <= number) {
      block = middle;
    } else {
      lastBlock = middle;
    }
  }
  let shape = vec2u(blocks[block].rows, blocks[block].cols);
  let ofPart = tilesOfPart(block);
  let parts = vec2u(blocks[block].partsDown, blocks[block].partsAcross);
  let tiles = parts * ofPart;
  let within = number - blocks[block].firstTile;
  let place = vec2u(within / tiles.y % tiles.x, within % tiles.y);
  let matrix = within / tiles.y / tiles.x;
  let partSize = shape / parts;
  let partBegin = place / ofPart * partSize;
  let tileSize = vec2u(blocks[block].tileRows, blocks[block].tileCols);
  let begin = partBegin + place % ofPart * tileSize;
  let end = min(begin + tileSize, partBegin + partSize);
  let quads = (tileSize.y + 3u) / 4u;
  let shift = clamp(32u - countLeadingZeros(quads - 1u), 3u, 8u);
  return Tile(
    block,
    matrix,
    begin.x,
    end.x,
    begin.y,
    end.y,
    place.x,
    place.y,
    tiles.x,
    tiles.y,
    matrix * shape.x * shape.y,
    shape.y,
    shift,
    256u >> shift,
  );
}

// A lane's place on its tile.
struct Lane {
  x: u32,
  y: u32,
  // The first of all lanes' columns, its own columns in the matrix, and which of them are in the tile.
  colBegin: u32,
  cols: vec4u,
  isIn: vec4<bool>,
}

fn laneOf(tile: Tile, lane: u32, colBegin: u32) -> Lane {
  let lanesX = 1u << tile.shift;
  let x = lane & (lanesX - 1u);
  var cols = vec4u(x) + lanesX * vec4u(0u, 1u, 2u, 3u);
  if (isPaired()) {
    cols = vec4u(2u * x) + vec4u(0u, 1u, 2u * lanesX, 2u * lanesX + 1u);
  }
  cols += colBegin;
  return Lane(x, lane >> tile.shift, colBegin, cols, cols < vec4u(tile.colEnd));
}

// Which of a lane's columns are in the tile, in a row.
fn insideOf(tile: Tile, place: Lane, row: u32) -> vec4<bool> {
  return select(vec4<bool>(false), place.isIn, row < tile.rowEnd);
}

// True where all lanes have all of their columns, and all of `numRows` rows each from the one at `band` on.
fn isFull(tile: Tile, colBegin: u32, band: u32, numRows: u32) -> bool {
  return colBegin + (4u << tile.shift) <= tile.colEnd && band + numRows * tile.lanesY <= tile.rowEnd;
}

// The element of the block's tensors in which a row of the tile's matrix begins.
fn rowStart(tile: Tile, row: u32) -> u32 {
  return tile.first + row * tile.cols;
}

// The index of the tile's sum in `partials`, behind those of rows and columns.
fn tilePartial(tile: Tile) -> u32 {
  let batch = blocks[tile.block].batch;
  let vectors = blocks[tile.block].rows * tile.numAcross + tile.numDown * blocks[tile.block].cols;
  let index = (tile.matrix * tile.numDown + tile.down) * tile.numAcross + tile.across;
  return blocks[tile.block].partials + batch * vectors + index;
}
