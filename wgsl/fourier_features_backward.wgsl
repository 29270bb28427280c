// dx[r, c] = 2 pi (dy[r, c] y[r, cols + c] - dy[r, cols + c] y[r, c]), y the sines and cosines.
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.rows * params.cols) {
      let sine = i / params.cols * 2u * params.cols + i % params.cols;
      let cosine = sine + params.cols;
      dx[i] = 6.283185307 * (dy[sine] * y[cosine] - dy[cosine] * y[sine]);
    }
  }
}
