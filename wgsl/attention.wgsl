// out[t] = sum_s softmax_s(score[t, s]) share[t, s] v[s],   lse[t] = ln sum_s e^score[t, s], over the keys s that query t sees
//
// A workgroup owns 32 queries of a head and goes through the keys 32 at a time (Dao et al. 2022). Each query, 8 lanes,
// keeps its largest score so far, the sum of e^(score - largest) and the weighted sum of values, 4 elements of every 32 per
// lane; where a larger score comes, both sums are scaled down.

// include: exp_or_nan
// include: attention_tile

// The score of a hidden key.
const HIDDEN = -0x1.fffffep+127f;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (params.queries + 31u) / 32u;
  let block = group.y * groups.x + group.x;
  let place = headAt(block / blocks / params.heads, block / blocks % params.heads);
  let queryFirst = block % blocks * 32u;
  if (place.batch >= params.batch) {
    return;
  }
  let row = lane / 8u * 33u;
  let query = queryFirst + lane / 8u;

  var largest = HIDDEN;
  var sum = 0.0;
  var values = array<vec4f, 8>();
  for (var keyFirst = firstKey(queryFirst); keyFirst < endOfKeys(queryFirst); keyFirst += 32u) {
    let dots = scoreDots(lane, place, queryFirst, keyFirst);
    for (var j = 0u; j < 4u; j++) { // unroll
      let r = lane / 16u + j / 2u * 16u;
      let c = lane % 16u + j % 2u * 16u;
      var score = HIDDEN;
      if (sees(place, queryFirst + r, keyFirst + c)) {
        score = scoreOf(place, queryFirst + r, keyFirst + c, dots[j]);
      }
      tile[r * 33u + c] = score;
    }
    workgroupBarrier();
    let before = largest;
    for (var j = 0u; j < 32u; j++) { // unroll
      largest = max(largest, tile[row + j]);
    }
    workgroupBarrier();
    for (var j = 0u; j < 4u; j++) { // unroll
      let at = row + lane % 8u * 4u + j;
      let score = tile[at];
      tile[at] = select(expOrNan(score - largest), 0.0, score <= HIDDEN);
    }
    workgroupBarrier();
    let kept = expOrNan(before - largest);
    sum *= kept;
    for (var j = 0u; j < 32u; j++) { // unroll
      sum += tile[row + j];
    }
    if (params.threshold != 0u) {
      workgroupBarrier();
      for (var j = 0u; j < 4u; j++) {
        let c = lane % 8u * 4u + j;
        tile[row + c] *= keptShare(place, query, keyFirst + c);
      }
    }
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      if (chunk * 32u < params.valueDim) {
        stageV(lane, PANEL_1, place, keyFirst, chunk * 32u);
        workgroupBarrier();
        values[chunk] = fma(values[chunk], vec4f(kept), weighted(lane));
        workgroupBarrier();
      }
    }
  }

  if (query < params.queries) {
    let begin = queryRow(place, query) * params.valueDim;
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      for (var j = 0u; j < 4u; j++) { // unroll
        let d = chunk * 32u + lane % 8u * 4u + j;
        if (d < params.valueDim) {
          out[begin + d] = select(values[chunk][j] / sum, 0.0, sum == 0.0);
        }
      }
    }
    if (lane % 8u == 0u) {
      let at = (place.batch * params.heads + place.head) * params.queries + query;
      lse[at] = select(largest + log(sum), 0.0, sum == 0.0);
    }
  }
}
