// CAME (Luo et al. 2023): momentum <- beta1 momentum + take u, and partials of (u / d - momentum)^2, the momentum as it is before
// it is rounded to its storage type, as adafactor_tile_sums has them of g^2. Where guard[0] != 0 nothing is changed and they
// are 0.

// include: block
// include: tile
// include: workgroup_sum
// include: storage_quads
// include: tile_vectors
// include: tensor_quads for grad
// include: tensor_quads for momentum
// include: tensor_quad_stores for momentum
// include: update_quads

// Whether two elements may share a word.
fn isPaired() -> bool {
  return gradType != 0u || momentumType != 0u;
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
  let changing = guard[0] == 0u;
  let gradOffset = blocks[tile.block].gradOffset;
  let momentumOffset = blocks[tile.block].momentumOffset;
  let beta1 = blocks[tile.block].beta1;
  let take = steps[tile.block].take;
  let d = steps[tile.block].d;
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let by = factorsOf(tile, place);
    var columns = vec4f();
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 8u * tile.lanesY) {
      var rowFactors: array<f32, 8>;
      var gradWords: array<vec4u, 8>;
      var momentumWords: array<vec4u, 8>;
      let isWhole = isFull(tile, colBegin, band, 8u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      for (var i = 0u; i < 8u; i++) { // unroll
        rowFactors[i] = rowFactorOf(tile, by, band + place.y + i * tile.lanesY);
      }
      if (isWhole) {
        for (var i = 0u; i < 8u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
          momentumWords[i] = wholeMomentum(momentumOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 8u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
          momentumWords[i] = loadMomentum(momentumOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 8u; i++) { // unroll
        let row = band + place.y + i * tile.lanesY;
        let isIn = insideOf(tile, place, row);
        var strayed = vec4f();
        if (changing) {
          let u = updateOf(by, rowFactors[i], quadOfWords(gradType, gradWords[i]));
          let m = fma(vec4f(take), u, beta1 * quadOfWords(momentumType, momentumWords[i]));
          storeMomentum(momentumOffset + start + i * step, place.cols, isIn, wordsOfQuad(momentumType, m));
          strayed = u / d - m;
        }
        columns = fma(strayed, strayed, columns);
        leaveRow(tile, place, i, strayed);
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
