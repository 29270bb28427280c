// out = scale x where hash(index) >= threshold, else 0; the first element has the index `first`, and rows of `cols` elements
// begin `rowLength` apart. The hash is that of rust_kernels/src/ops/dropout.rs: every device drops the same elements.
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

// include: mix

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.length) {
      let index = params.first + i / params.cols * params.rowLength + i % params.cols;
      let random = mix(mix(index ^ params.seedLow) ^ params.seedHigh);
      out[i] = select(0.0, params.scale * x[i], random >= params.threshold);
    }
  }
}
