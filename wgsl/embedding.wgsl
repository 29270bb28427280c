// out[t, d] = table[indices[t], d], zeros where the index is not under numRows; table is stored as tableType.
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

// include: storage_types

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.count * params.width) {
      let t = i / params.width;
      let d = i % params.width;
      let at = indices[t] * params.width + d;
      if (indices[t] >= params.numRows) {
        out[i] = 0u;
      } else if (params.tableType == 0u) {
        out[i] = table[at];
      } else {
        out[i] = widen(params.tableType, extractBits(table[at / 2u], at % 2u * 16u, 16u));
      }
    }
  }
}
