// m <- m + take (g - m),  v <- v + takeSquares (g^2 - v),  p <- p - decay p - stepSize m / (sqrt(v) rootCorrection + eps), with
// g = sums[gradientScale] grad and the moments as they are before they are rounded to their storage types. Nothing is changed
// where guard[0] != 0.

// include: block
// include: tile
// include: storage_quads
// include: tensor_quads for grad
// include: tensor_quads for param
// include: tensor_quad_stores for param
// include: tensor_quads for momentum
// include: tensor_quad_stores for momentum
// include: tensor_quads for secondMoment
// include: tensor_quad_stores for secondMoment
// include: stochastic_quads
// include: rounded_params

// Whether two elements may share a word.
fn isPaired() -> bool {
  return gradType != 0u || paramType != 0u || momentumType != 0u || secondMomentType != 0u;
}

// before + take (now - before), from the end that weighs more: with a take of 1 it is `now`, however small beside `before`.
fn averaged(before: vec4f, now: vec4f, take: f32) -> vec4f {
  if (take < 0.5) {
    return fma(vec4f(take), now - before, before);
  }
  return fma(vec4f(1.0 - take), before - now, now);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.numTiles || guard[0] != 0u) {
    return;
  }
  let tile = tileAt(params.firstTile + index);
  let gradOffset = blocks[tile.block].gradOffset;
  let paramOffset = blocks[tile.block].paramOffset;
  let momentumOffset = blocks[tile.block].momentumOffset;
  let secondMomentOffset = blocks[tile.block].secondMomentOffset;
  let scale = sums[params.gradientScale];
  let stepSize = steps[tile.block].stepSize;
  let rootCorrection = steps[tile.block].rootCorrection;
  let decay = steps[tile.block].decay;
  let take = steps[tile.block].take;
  let takeSquares = steps[tile.block].takeSquares;
  let eps = steps[tile.block].eps;
  for (var colBegin = tile.colBegin; colBegin < tile.colEnd; colBegin += 1024u) {
    let place = laneOf(tile, lane, colBegin);
    let rounding = roundingOf(tile, place);
    for (var band = tile.rowBegin; band < tile.rowEnd; band += 2u * tile.lanesY) {
      var gradWords: array<vec4u, 2>;
      var paramWords: array<vec4u, 2>;
      var momentumWords: array<vec4u, 2>;
      var secondMomentWords: array<vec4u, 2>;
      let isWhole = isFull(tile, colBegin, band, 2u);
      let start = rowStart(tile, band + place.y);
      let step = tile.lanesY * tile.cols;
      if (isWhole) {
        for (var i = 0u; i < 2u; i++) { // unroll
          gradWords[i] = wholeGrad(gradOffset + start + i * step, place.cols);
          paramWords[i] = wholeParam(paramOffset + start + i * step, place.cols);
          momentumWords[i] = wholeMomentum(momentumOffset + start + i * step, place.cols);
          secondMomentWords[i] = wholeSecondMoment(secondMomentOffset + start + i * step, place.cols);
        }
      } else {
        for (var i = 0u; i < 2u; i++) { // unroll
          let isIn = insideOf(tile, place, band + place.y + i * tile.lanesY);
          gradWords[i] = loadGrad(gradOffset + start + i * step, place.cols, isIn);
          paramWords[i] = loadParam(paramOffset + start + i * step, place.cols, isIn);
          momentumWords[i] = loadMomentum(momentumOffset + start + i * step, place.cols, isIn);
          secondMomentWords[i] = loadSecondMoment(secondMomentOffset + start + i * step, place.cols, isIn);
        }
      }
      for (var i = 0u; i < 2u; i++) { // unroll
        let row = band + place.y + i * tile.lanesY;
        let isIn = insideOf(tile, place, row);
        let g = scale * quadOfWords(gradType, gradWords[i]);
        let oldM = quadOfWords(momentumType, momentumWords[i]);
        let oldV = quadOfWords(secondMomentType, secondMomentWords[i]);
        let m = averaged(oldM, g, take);
        let v = averaged(oldV, g * g, takeSquares);
        let p = quadOfWords(paramType, paramWords[i]);
        let u = m / fma(sqrt(v), vec4f(rootCorrection), vec4f(eps));
        let moved = fma(vec4f(-stepSize), u, fma(vec4f(-decay), p, p));
        storeMomentum(momentumOffset + start + i * step, place.cols, isIn, wordsOfQuad(momentumType, m));
        storeSecondMoment(secondMomentOffset + start + i * step, place.cols, isIn, wordsOfQuad(secondMomentType, v));
        storeParam(paramOffset + start + i * step, place.cols, isIn, roundedParams(rounding, row, moved));
      }
    }
  }
}
