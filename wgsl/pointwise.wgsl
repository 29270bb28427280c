// An element of the result from one of each operand, by the formula of the kernel's entry (src/device/kernels/pointwise.ts).
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

// include: FORMULA

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < count()) {
      setAt(i);
    }
  }
}
