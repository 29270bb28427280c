// With all ranks' statistics[rank, r] = (m, s, target's logit), M = the largest m and S = sum of s exp(m - M):
//   losses[r] = log S + M - the target's logit
//   dlogits[r, c] = gradScale (exps[r, c] exp(m - M) / S - [c is the target's]), of the exps that dlogits holds before
// Both are 0 in rows whose target is `ignored`, dlogits in pads too.
//
// `lanes` invocations share a row; each adds up the few ranks' statistics for itself.

// include: exp_or_nan

override lanes: u32;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let rowLane = lane % lanes;
  if (row >= params.rows) {
    return;
  }
  var largest = -0x1.fffffep+127f;
  for (var rank = 0u; rank < params.ranks; rank++) {
    largest = max(largest, statistics[3u * (rank * params.rows + row)]);
  }
  var sum = 0.0;
  var targetLogit = 0.0;
  for (var rank = 0u; rank < params.ranks; rank++) {
    let at = 3u * (rank * params.rows + row);
    sum += statistics[at + 1u] * expOrNan(statistics[at] - largest);
    targetLogit += statistics[at + 2u];
  }

  let counts = targets[row] != params.ignored;
  if (rowLane == 0u) {
    losses[row] = select(0.0, log(sum) + (largest - targetLogit), counts);
  }
  let ownLargest = statistics[3u * (params.rank * params.rows + row)];
  let factor = expOrNan(ownLargest - largest) / sum;
  // A class before the first wraps round, beyond all columns.
  let column = targets[row] - params.firstClass;
  for (var c = rowLane; c < params.cols; c += lanes) {
    let i = row * params.cols + c;
    let gradient = params.gradScale * (dlogits[i] * factor - select(0.0, 1.0, c == column));
    dlogits[i] = select(0.0, gradient, counts && c < params.numClasses);
  }
}
