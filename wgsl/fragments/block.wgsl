// The records of src/device/block_table.ts, which says what each field means, and the search for the block of a tile or
// vector. Needs `blocks` and the run of blocks among the parameters.

struct Block {
  batch: u32,
  rows: u32,
  cols: u32,
  globalRows: f32,
  globalCols: f32,
  globalCount: f32,
  partsBatch: u32,
  partsDown: u32,
  partsAcross: u32,
  tileRows: u32,
  tileCols: u32,
  firstTile: u32,
  firstVector: u32,
  gradOffset: u32,
  paramOffset: u32,
  momentumOffset: u32,
  moments: u32,
  factors: u32,
  partials: u32,
  rowSums: u32,
  colSums: u32,
  totals: u32,
  gradientSquares: u32,
  updateSquares: u32,
  paramSquares: u32,
  aligned: u32,
  batchSlots: u32,
  firstBatchSlot: u32,
  rowSlots: u32,
  firstRowSlot: u32,
  eps1: f32,
  meanFloor: f32,
  factorCap: f32,
  scaleParameter: u32,
  scaleFloor: f32,
  scaleCeiling: f32,
  clipThreshold: f32,
  beta1: f32,
  rateAfterMomentum: u32,
  cautious: u32,
  batchBegin: u32,
  batchInner: u32,
  batchInnerGlobal: u32,
  rowBegin: u32,
  rowInner: u32,
  rowInnerGlobal: u32,
  colBegin: u32,
  colInner: u32,
  colInnerGlobal: u32,
  indexRows: u32,
  indexCols: u32,
}

struct Numbers {
  take: f32,
  rate: f32,
  decayTimesStep: f32,
  decayAbsolute: f32,
  key: u32,
}

struct Step {
  a: f32,
  d: f32,
  decay: f32,
  take: f32,
  over: f32,
  share: f32,
  paramRms: f32,
  updateRms: f32,
  key: u32,
}

// Tiles of a block from top to bottom of each part, and from left to right of each part.
fn tilesOfPart(block: u32) -> vec2u {
  let tile = vec2u(blocks[block].tileRows, blocks[block].tileCols);
  let parts = vec2u(blocks[block].partsDown, blocks[block].partsAcross);
  return (vec2u(blocks[block].rows, blocks[block].cols) / parts + tile - 1u) / tile;
}
