// out[r, j] = x[r, indices[r, j]]
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours write neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let at = first + j * 256u;
    if (at < params.rows * params.count) {
      out[at] = x[at / params.count * params.cols + indices[at]];
    }
  }
}
