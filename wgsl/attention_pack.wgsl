// scratch = the words of keyMask, where there is a mask, then those of bias, where there is one: so the gradients of keys
// and values, which write two tensors, bind 8 buffers, not 9 (fragments/attention_packed_mask.wgsl).
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let numMasks = params.masked * params.batch * params.keys;
  let numBiases = params.biased * params.heads * (params.queries + params.keys - 1u);
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < numMasks) {
      scratch[i] = keyMask[i];
    } else if (i < numMasks + numBiases) {
      scratch[i] = bitcast<u32>(bias[i - numMasks]);
    }
  }
}
