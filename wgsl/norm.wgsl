// Layer norm and RMS norm of rows: out = (x - mean) rstd (offset + weight) + bias, the mean 0 where rows are not centred;
// moments[r] = (mean, rstd).
//
// `lanes` invocations share a row (32 where rows are short, else 256), and read it three times: for its mean, for the
// mean square of the differences, and to write.

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

  var sum = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    sum += x[begin + c];
  }
  let mean = select(0.0, rowSum(lane, sum) / f32(params.cols), params.centred != 0u);
  sum = 0.0;
  for (var c = rowLane; c < count; c += lanes) {
    let h = x[begin + c] - mean;
    sum += h * h;
  }
  let rstd = 1.0 / sqrt(rowSum(lane, sum) / f32(params.cols) + params.eps);
  for (var c = rowLane; c < count; c += lanes) {
    var y = (x[begin + c] - mean) * rstd * (params.offset + weight[c]);
    if (params.biasLength != 0u) {
      y += bias[c];
    }
    out[begin + c] = y;
  }
  if (rowLane == 0u && row < params.rows) {
    moments[2u * row] = mean;
    moments[2u * row + 1u] = rstd;
  }
}
