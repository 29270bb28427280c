// The records of src/device/block_table.ts, which says what each field means, and the search for the block of a tile or
// vector. Needs `blocks` and the run of blocks among the parameters.

// Tiles of a block from top to bottom of each part, and from left to right of each part.
fn tilesOfPart(block: u32) -> vec2u {
  let tile = vec2u(blocks[block].tileRows, blocks[block].tileCols);
  let parts = vec2u(blocks[block].partsDown, blocks[block].partsAcross);
  return (vec2u(blocks[block].rows, blocks[block].cols) / parts + tile - 1u) / tile;
}
