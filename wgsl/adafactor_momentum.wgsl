// momentum <- beta1 momentum + take u, and tiles' sums of a measure of each element: the fragment that the kernel's entry
// names for MEASURE, aligned_counts or confidence_squares. Where guard[0] != 0 nothing is changed and the sums are 0.

// include: MEASURE
// include: tile
// include: workgroup_sum
// include: storage_quads
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
  var sums = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let by = factorsOf(tile, place);
    var columns = vec4f();
    for (var band = tile.rowBegin; band < tile.rowEnd; band += BAND_ROWS * tile.lanesY) {
      var rowFactors: array<f32, BAND_ROWS>;
      var gradWords: array<vec4u, BAND_ROWS>;
      var momentumWords: array<vec4u, BAND_ROWS>;
      let isWhole = isFull(tile, colBegin, band, BAND_ROWS);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      for (var i = 0u; i < BAND_ROWS; i++) { // unroll
        rowFactors[i] = rowFactorOf(tile, by, band + place.y + i * tile.lanesY);
      }
      if (isWhole) {
        for (var i = 0u; i < BAND_ROWS; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
          momentumWords[i] = wholeMomentum(momentumOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < BAND_ROWS; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
          momentumWords[i] = loadMomentum(momentumOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < BAND_ROWS; i++) { // unroll
        let row = band + place.y + i * tile.lanesY;
        let isIn = insideOf(tile, place, row);
        var measure = vec4f();
        if (changing) {
          let u = updateOf(by, rowFactors[i], quadOfWords(gradType, gradWords[i]));
          let m = fma(vec4f(take), u, beta1 * quadOfWords(momentumType, momentumWords[i]));
          let words = wordsOfQuad(momentumType, m);
          storeMomentum(momentumOffset + start + i * step, place.cols, isIn, words);
          measure = measureOf(Renewed(u, m, words, take, d));
        }
        columns = withMeasure(columns, measure);
        leaveMeasure(tile, place, i, measure);
      }
      endBand(tile, place, lane, band);
    }
    endColumns(tile, place, lane, columns);
    sums += columns;
  }
  let sum = workgroupSum(lane, (sums.x + sums.y) + (sums.z + sums.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}

// A quad of the update and of the new momentum, before it is rounded to its storage type and as stored.
struct Renewed {
  u: vec4f,
  m: vec4f,
  words: vec4u,
  take: f32,
  d: f32,
}
