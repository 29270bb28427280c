// Tiles' sums added up by parts: 32 lanes share the tiles of a part, so that the order depends only on their number; then
// parts are added as balanced trees. Needs `partials`.

// include: block

// Tiles of some matrices of a block and of some of its rows, in parts [partsBatch, partsDown, partsAcross] (at most 512).
struct Parts {
  first: u32,
  partsBatch: u32,
  partsDown: u32,
  partsAcross: u32,
  // Tiles of one part: over its matrices, down, across; and of a whole row and of a matrix of tiles.
  matrices: u32,
  down: u32,
  across: u32,
  rowStride: u32,
  matrixStride: u32,
}

// The lanes' sums of 64 parts at a time, parts 36 apart to spread over the banks.
var<workgroup> lanesOfParts: array<f32, 2304>;
// Sums of parts [partsBatch partsDown, partsAcross], at ROWS those of rows of parts, from BATCHES on sums of batches of parts (adafactor_join_scalar.wgsl).
var<workgroup> treeSums: array<f32, 640>;

const ROWS = 512u;
const BATCHES = 576u;

// Writes the sums over columns' parts to treeSums[ROWS + b partsDown + i]; needs all lanes, and ends with a barrier.
fn sumParts(parts: Parts, lane: u32) {
  let count = parts.partsBatch * parts.partsDown * parts.partsAcross;
  let tiles = parts.matrices * parts.down * parts.across;
  for (var begin = 0u; begin < count; begin += 64u) {
    workgroupBarrier();
    for (var part = begin + lane / 32u; part < min(begin + 64u, count); part += 8u) {
      let j = part % parts.partsAcross * parts.across;
      let i = part / parts.partsAcross % parts.partsDown * parts.down;
      let b = part / parts.partsAcross / parts.partsDown * parts.matrices;
      let first = parts.first + b * parts.matrixStride + i * parts.rowStride + j;
      var sum = 0.0;
      for (var tile = lane % 32u; tile < tiles; tile += 32u) {
        let matrix = tile / parts.across / parts.down;
        sum += partials[first + matrix * parts.matrixStride +
          tile / parts.across % parts.down * parts.rowStride + tile % parts.across];
      }
      lanesOfParts[(part - begin) * 36u + lane % 32u] = sum;
    }
    workgroupBarrier();
    // 4 lanes per part add 8 each, then one adds the 4.
    let first = lane / 4u * 36u + lane % 4u;
    if (begin + lane / 4u < count) {
      var sum = lanesOfParts[first];
      for (var k = 0u; k < 7u; k++) { // unroll
        sum += lanesOfParts[first + 4u * (k + 1u)];
      }
      lanesOfParts[first] = sum;
    }
    workgroupBarrier();
    if (lane < 64u && begin + lane < count) {
      let four = lane * 36u;
      treeSums[begin + lane] = (lanesOfParts[four] + lanesOfParts[four + 1u]) +
        (lanesOfParts[four + 2u] + lanesOfParts[four + 3u]);
    }
  }
  workgroupBarrier();
  if (lane < parts.partsBatch * parts.partsDown) {
    treeSums[ROWS + lane] = treeOf(lane * parts.partsAcross, 1u, parts.partsAcross);
  }
  workgroupBarrier();
}

// The tree over `count` (at most 8) of treeSums, `step` apart; those that are not there count as 0, which changes no bit.
fn treeOf(first: u32, step: u32, count: u32) -> f32 {
  var leaves: array<f32, 8>;
  for (var k = 0u; k < 8u; k++) { // unroll
    if (k < count) {
      leaves[k] = treeSums[first + k * step];
    }
  }
  return ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) +
    ((leaves[4] + leaves[5]) + (leaves[6] + leaves[7]));
}
