// out[i0, i1, i2, i3] = x[i0 stride0 + i1 stride1 + i2 stride2 + i3 stride3].
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours write neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.dim0 * params.dim1 * params.dim2 * params.dim3) {
      let i3 = i % params.dim3;
      let i2 = i / params.dim3 % params.dim2;
      let i1 = i / params.dim3 / params.dim2 % params.dim1;
      let i0 = i / params.dim3 / params.dim2 / params.dim1;
      out[i] = x[i0 * params.stride0 + i1 * params.stride1 + i2 * params.stride2 + i3 * params.stride3];
    }
  }
}
