// out[r, c] = sum of x[r, i] over i <= c, or over i >= c where `backwards`.
//
// A workgroup does a row. Each of its 256 lanes adds up a part of the row, then adds to each of its elements those before it in the
// part, and the parts before. The sums of parts are added up in order, so a result depends on the row alone.

var<workgroup> partSums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  // Rows past the end are empty, so that every invocation meets the barrier.
  let cols = select(0u, params.cols, row < params.rows);
  let part = (cols + 255u) / 256u;
  let begin = min(lane * part, cols);
  let end = min(begin + part, cols);
  var sum = 0.0;
  for (var c = begin; c < end; c++) {
    sum += x[placeOf(row, c)];
  }
  partSums[lane] = sum;
  workgroupBarrier();
  var before = 0.0;
  for (var other = 0u; other < lane; other++) {
    before += partSums[other];
  }
  sum = 0.0;
  for (var c = begin; c < end; c++) {
    let place = placeOf(row, c);
    sum += x[place];
    out[place] = before + sum;
  }
}

fn placeOf(row: u32, c: u32) -> u32 {
  return row * params.cols + select(c, params.cols - 1u - c, params.backwards != 0u);
}
