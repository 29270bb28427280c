// out[v, d] += sum of x[sources[i], d] over starts[v] <= i < starts[v + 1], in this order.
// A workgroup does 1024 elements of out, four per invocation and 256 apart, so that neighbours read neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let at = first + j * 256u;
    if (at < params.numRows * params.width) {
      let v = at / params.width;
      let d = at % params.width;
      var sum = out[at];
      for (var i = starts[v]; i < starts[v + 1u]; i++) {
        sum += x[sources[i] * params.width + d];
      }
      out[at] = sum;
    }
  }
}
