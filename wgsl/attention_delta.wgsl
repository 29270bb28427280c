// moments[batch, heads, 2, queries] = (lse, delta),   delta[t] = dout[t] . out[t]: the values of each query that the gradients need.

// include: lane_sums

override lanes: u32;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let isInside = row < params.batch * params.queries * params.heads;
  // Rows past the end are empty, so that every invocation meets every barrier.
  let count = select(0u, params.valueDim, isInside);
  let begin = row * params.valueDim;
  var sum = 0.0;
  for (var d = lane % lanes; d < count; d += lanes) {
    sum += dout[begin + d] * out[begin + d];
  }
  let delta = rowSum(lane, sum);
  if (isInside && lane % lanes == 0u) {
    let head = row % params.heads;
    let query = row / params.heads % params.queries;
    let ofHead = row / params.heads / params.queries * params.heads + head;
    moments[ofHead * 2u * params.queries + query] = lse[ofHead * params.queries + query];
    moments[(ofHead * 2u + 1u) * params.queries + query] = delta;
  }
}
