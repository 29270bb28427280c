// Tiles of a block (src/device/block_table.ts) from top to bottom of each part, and from left to right of each part. Needs
// `blocks`.

fn tilesOfPart(block: u32) -> vec2u {
  let tile = vec2u(blocks[block].tileRows, blocks[block].tileCols);
  let parts = vec2u(blocks[block].partsDown, blocks[block].partsAcross);
  return (vec2u(blocks[block].rows, blocks[block].cols) / parts + tile - 1u) / tile;
}
