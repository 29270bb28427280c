// Parameters after a step, and tiles' sums of their squares, as stored. Which step is in the fragment that the kernel
// names for RULE: step_by_update, step_by_momentum or step_by_aligned_momentum. Nothing of param (and momentum) is changed
// where guard[0] != 0; the sums are taken all the same.

// include: RULE
// include: tile
// include: workgroup_sum
// include: tensor_quads for grad
// include: tensor_quads for param
// include: tensor_quad_stores for param
// include: update_quads
// include: rounded_params

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
  let paramOffset = blocks[tile.block].paramOffset;
  let momentumOffset = blocks[tile.block].momentumOffset;
  let rates = ratesOf(tile.block);
  var squares = vec4f();
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let by = factorsOf(tile, place);
    let rounding = roundingOf(tile, place);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 4u * tile.lanesY) {
      var rowFactors: array<f32, 4>;
      var gradWords: array<vec4u, 4>;
      var paramWords: array<vec4u, 4>;
      var momentumWords: array<vec4u, 4>;
      let isWhole = isFull(tile, colBegin, band, 4u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      for (var i = 0u; i < 4u; i++) { // unroll
        rowFactors[i] = rowFactorOf(tile, by, band + place.y + i * tile.lanesY);
      }
      if (isWhole) {
        for (var i = 0u; i < 4u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
          paramWords[i] = wholeParam(paramOffset + start + i * step, place.cols);
          momentumWords[i] = wholeMomentum(momentumOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 4u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
          paramWords[i] = loadParam(paramOffset + start + i * step, place.cols, isIn);
          momentumWords[i] = loadMomentum(momentumOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 4u; i++) { // unroll
        let row = band + place.y + i * tile.lanesY;
        let isIn = insideOf(tile, place, row);
        var p = quadOfWords(paramType, paramWords[i]);
        if (changing) {
          let u = updateOf(by, rowFactors[i], quadOfWords(gradType, gradWords[i]));
          let before = Momentum(momentumWords[i], momentumOffset + start + i * step, place.cols, isIn);
          p = steppedParams(rates, p, u, before);
          let words = roundedParams(rounding, row, p);
          storeParam(paramOffset + start + i * step, place.cols, isIn, words);
          p = quadOfWords(paramType, words);
        }
        squares = fma(p, p, squares);
      }
    }
  }
  let sum = workgroupSum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  if (lane == 0u) {
    partials[tilePartial(tile)] = sum;
  }
}

// A quad of the momentum before the step: its words, and where they are stored.
struct Momentum {
  words: vec4u,
  row: u32,
  cols: vec4u,
  isIn: vec4<bool>,
}
