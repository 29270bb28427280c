// The gradient of softmax, of its result y:  dx = y (dy - sum_c y dy)
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

  var along = 0.0;
  for (var c = first; c < count; c += lanes) {
    along += y[begin + c] * dy[begin + c];
  }
  along = rowSum(lane, along);
  for (var c = first; c < count; c += lanes) {
    dx[begin + c] = y[begin + c] * (dy[begin + c] - along);
  }
}
