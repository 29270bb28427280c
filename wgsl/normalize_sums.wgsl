// out[r, c] = x[r, c] / (sum_c x[r, c] + eps)
// `lanes` invocations share a row (32 where rows are short, else 256), and read it twice.

// include: lane_sums

override lanes: u32;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  // Rows past the end are empty, so that every invocation meets every barrier.
  let count = select(0u, params.cols, row < params.rows);
  let first = lane % lanes;

  var sum = 0.0;
  for (var c = first; c < count; c += lanes) {
    sum += x[begin + c];
  }
  sum = rowSum(lane, sum) + params.eps;
  for (var c = first; c < count; c += lanes) {
    out[begin + c] = x[begin + c] / sum;
  }
}
