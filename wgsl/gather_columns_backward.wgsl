// dx[r, c] = sum of dy[r, j] over the j with indices[r, j] = c, in the order of j
// A workgroup does 1024 elements of dx, four per invocation and 256 apart.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var quarter = 0u; quarter < 4u; quarter++) { // unroll
    let at = first + quarter * 256u;
    if (at < params.rows * params.cols) {
      let begin = at / params.cols * params.count;
      var sum = 0.0;
      for (var j = begin; j < begin + params.count; j++) {
        if (indices[j] == at % params.cols) {
          sum += dy[j];
        }
      }
      dx[at] = sum;
    }
  }
}
