// The gradient of the queries of attention, with the weights of each tile computed again:
//   dq[t] = scale sum_s ds k[s]     (fragments/attention_pairs.wgsl)
//
// A workgroup owns 32 queries of a head and goes through the keys, so nothing is added atomically and every run gives the
// same bits.

// include: attention_pairs

@compute @workgroup_size(256)
fn queryGradients(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (params.queries + 31u) / 32u;
  let block = group.y * groups.x + group.x;
  let place = headAt(block / blocks / params.heads, block / blocks % params.heads);
  let queryFirst = block % blocks * 32u;
  if (place.batch >= params.batch) {
    return;
  }
  var sums = array<vec4f, 8>();
  for (var keyFirst = firstKey(queryFirst); keyFirst < endOfKeys(queryFirst); keyFirst += 32u) {
    let pairs = pairsOf(lane, place, queryFirst, keyFirst);
    for (var j = 0u; j < 4u; j++) { // unroll
      tile[(lane / 16u + j / 2u * 16u) * 33u + lane % 16u + j % 2u * 16u] = pairs.ds[j];
    }
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      if (chunk * 32u < params.dim) {
        stageK(lane, PANEL_1, place, keyFirst, chunk * 32u);
        workgroupBarrier();
        sums[chunk] += weighted(lane);
        workgroupBarrier();
      }
    }
  }

  let query = queryFirst + lane / 8u;
  if (query < params.queries) {
    let begin = queryRow(place, query) * params.dim;
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      for (var j = 0u; j < 4u; j++) { // unroll
        let d = chunk * 32u + lane % 8u * 4u + j;
        if (d < params.dim) {
          dq[begin + d] = params.scale * sums[chunk][j];
        }
      }
    }
  }
}
