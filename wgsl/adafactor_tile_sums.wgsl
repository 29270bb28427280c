// Partials of each tile: per row of the tile sum_j g^2, per column sum_i g^2, and the sum of both. g is read once: all three
// come from the same registers.

// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tile_vectors
// include: tensor_quads for grad

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
    var columns = vec4f();
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 8u * tile.lanesY) {
      var gradWords: array<vec4u, 8>;
      let isWhole = isFull(tile, colBegin, band, 8u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      if (isWhole) {
        for (var i = 0u; i < 8u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 8u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 8u; i++) { // unroll
        let g = quadOfWords(gradType, gradWords[i]);
        columns = fma(g, g, columns);
        leaveRow(tile, place, i, g);
      }
      workgroupBarrier();
      joinRows(tile, place, lane, band);
    }
    joinColumns(tile, place, lane, columns);
    squares += columns;
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}
