// The gradient of norm: with h = (x - mean) rstd and g = dy (offset + weight)
//   dx = rstd (g - mean_c g - h mean_c (g h)),   the first mean only where rows are centred
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
  let rowLane = lane % lanes;
  let inside = min(row, params.rows - 1u);
  let mean = moments[2u * inside];
  let rstd = moments[2u * inside + 1u];

  var sum = 0.0;
  var along = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    let g = dy[begin + c] * (params.offset + weight[c]);
    sum += g;
    along += g * ((x[begin + c] - mean) * rstd);
  }
  let shift = select(0.0, rowSum(lane, sum) / f32(params.cols), params.centred != 0u);
  along = rowSum(lane, along) / f32(params.cols);
  for (var c = rowLane; c < count; c += lanes) {
    let h = (x[begin + c] - mean) * rstd;
    dx[begin + c] = rstd * (dy[begin + c] * (params.offset + weight[c]) - shift - h * along);
  }
}
