// Tiles' sums of p^2.

// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tensor_quads for param

// Whether two elements may share a word.
fn isPaired() -> bool {
  return paramType != 0u;
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
  let paramOffset = blocks[tile.block].paramOffset;
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 4u * tile.lanesY) {
      var paramWords: array<vec4u, 4>;
      let isWhole = isFull(tile, colBegin, band, 4u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      if (isWhole) {
        for (var i = 0u; i < 4u; i++) { // unroll
          paramWords[i] = wholeParam(paramOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 4u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          paramWords[i] = loadParam(paramOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 4u; i++) { // unroll
        let p = quadOfWords(paramType, paramWords[i]);
        squares = fma(p, p, squares);
      }
    }
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}
