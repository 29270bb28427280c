// For the gradients, of each pair of a tile: with the weight w = e^(score - lse), 0 where the key is hidden, its value after
// dropout, p = w share, and the gradient of the score, ds = w (share dout[t] . v[s] - delta[t]), by what it is before it is
// capped.

// include: exp_or_nan
// include: attention_tile

fn stageDout(lane: u32, panel: u32, place: Head, first: u32, depth: u32) {
  let row = lane / 8u;
  let d = depth + lane % 8u * 4u;
  var values = vec4f();
  if (first + row < params.queries) {
    let begin = queryRow(place, first + row) * params.valueDim + d;
    for (var i = 0u; i < 4u; i++) { // unroll
      if (d + i < params.valueDim) {
        values[i] = dout[begin + i];
      }
    }
  }
  panels[panel + row * 9u + lane % 8u] = values;
}

// In the order of panelDots.
struct Pairs {
  p: vec4f,
  ds: vec4f,
}

fn pairsOf(lane: u32, place: Head, queryFirst: u32, keyFirst: u32) -> Pairs {
  let dots = scoreDots(lane, place, queryFirst, keyFirst);
  var dp = vec4f();
  for (var depth = 0u; depth < params.valueDim; depth += 32u) {
    stageDout(lane, 0u, place, queryFirst, depth);
    stageV(lane, PANEL_1, place, keyFirst, depth);
    workgroupBarrier();
    dp += panelDots(lane);
    workgroupBarrier();
  }
  var shares = vec4f(1.0);
  if (params.threshold != 0u) {
    for (var j = 0u; j < 4u; j++) {
      let query = queryFirst + lane / 16u + j / 2u * 16u;
      shares[j] = keptShare(place, query, keyFirst + lane % 16u + j % 2u * 16u);
    }
  }
  var pairs = Pairs();
  for (var j = 0u; j < 4u; j++) { // unroll
    let query = queryFirst + lane / 16u + j / 2u * 16u;
    let key = keyFirst + lane % 16u + j % 2u * 16u;
    if (sees(place, query, key)) {
      let at = (place.batch * params.heads + place.head) * 2u * params.queries + query;
      let score = scoreOf(place, query, key, dots[j]);
      let weight = expOrNan(score - moments[at]);
      pairs.p[j] = weight * shares[j];
      pairs.ds[j] = weight * (shares[j] * dp[j] - moments[at + params.queries]) * capSlope(score);
    }
  }
  return pairs;
}
