// Tiles' sums of u^2, u = g min(rowFactor colFactor, cap).

// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tensor_quads for grad
// include: update_quads

// Whether two elements may share a word.
fn isPaired() -> bool {
  return gradType != 0u;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numTiles) {
    return;
  }
  let tile = tileAt(params.firstTile + index);
  let gradOffset = blocks[tile.block].gradOffset;
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let by = factorsOf(tile, place);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 4u * tile.lanesY) {
      var rowFactors: array<f32, 4>;
      var gradWords: array<vec4u, 4>;
      let isWhole = isFull(tile, colBegin, band, 4u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      for (var i = 0u; i < 4u; i++) { // unroll
        rowFactors[i] = rowFactorOf(tile, by, band + place.y + i * tile.lanesY);
      }
      if (isWhole) {
        for (var i = 0u; i < 4u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 4u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 4u; i++) { // unroll
        let u = updateOf(by, rowFactors[i], quadOfWords(gradType, gradWords[i]));
        squares = fma(u, u, squares);
      }
    }
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}
