// out[r, c] = e^(x[r, c] - m) / sum_c e^(x[r, c] - m), with m the largest of the row, so that nothing overflows.
// -infinity gives exactly 0, and a row of nothing but -infinity NaN.
//
// `lanes` invocations share a row (32 where rows are short, else 256), and read it three times.

// include: exp_or_nan
// include: lane_maxima
// include: lane_sums

override lanes: u32;

const LOWEST = -0x1.fffffep+127f;

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

  var largest = LOWEST;
  for (var c = first; c < count; c += lanes) {
    largest = max(largest, x[begin + c]);
  }
  largest = rowLargest(lane, largest);
  var sum = 0.0;
  for (var c = first; c < count; c += lanes) {
    let value = x[begin + c];
    let power = select(expOrNan(value - largest), 0.0, value < LOWEST);
    out[begin + c] = power;
    sum += power;
  }
  sum = rowSum(lane, sum);
  for (var c = first; c < count; c += lanes) {
    out[begin + c] = out[begin + c] / sum;
  }
}
