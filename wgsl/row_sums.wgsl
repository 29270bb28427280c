// out[rows] (+)= sum over columns of x[rows, cols].
//
// `lanes` invocations share a row (32 where rows are short, else 256): each adds every lanes-th value in four running
// sums, then a tree adds up the lanes.

override lanes: u32;

var<workgroup> laneSums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (256u / lanes) + lane / lanes;
  let begin = row * params.cols;
  // Rows past the end are empty, so that every invocation meets every barrier.
  let end = select(begin, begin + params.cols, row < params.rows);
  let rowLane = lane % lanes;

  var sums = vec4f();
  var i = begin + rowLane;
  for (; i + 3u * lanes < end; i += 4u * lanes) {
    sums += vec4f(x[i], x[i + lanes], x[i + 2u * lanes], x[i + 3u * lanes]);
  }
  for (; i < end; i += lanes) {
    sums.x += x[i];
  }

  laneSums[lane] = (sums.x + sums.y) + (sums.z + sums.w);
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowLane < half) {
      laneSums[lane] += laneSums[lane + half];
    }
  }
  if (rowLane == 0u && row < params.rows) {
    let before = select(0.0, out[row], params.accumulate != 0u);
    out[row] = before + laneSums[lane];
  }
}
