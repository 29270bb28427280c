// The gradients of the keys and values of attention, with the weights of each tile computed again:
//   dk[s] = scale sum_t ds q[t]     dv[s] = sum_t p dout[t]     (fragments/attention_pairs.wgsl)
//
// A workgroup owns 32 keys of a head and goes through the queries of every head that uses them, in their order, so nothing
// is added atomically and every run gives the same bits.

// include: attention_pairs

@compute @workgroup_size(256)
fn keyGradients(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (params.keys + 31u) / 32u;
  let block = group.y * groups.x + group.x;
  let batch = block / blocks / params.keyHeads;
  let keyHead = block / blocks % params.keyHeads;
  let keyFirst = block % blocks * 32u;
  if (batch >= params.batch) {
    return;
  }
  let groupSize = params.heads / params.keyHeads;
  // Tiles of queries that see none of these keys are left out: those before the first key, or before its window, and those
  // beyond the last key's window.
  var queryBegin = select(0u, keyFirst, params.causal != 0u);
  if (params.causal == 0u && params.window != 0u && keyFirst >= params.window) {
    queryBegin = (keyFirst + 1u - params.window) / 32u * 32u;
  }
  var queryEnd = params.queries;
  if (params.window != 0u && params.window < params.queries) {
    queryEnd = min(queryEnd, keyFirst + 31u + params.window);
  }
  var keySums = array<vec4f, 8>();
  var valueSums = array<vec4f, 8>();
  for (var member = 0u; member < groupSize; member++) {
    let place = Head(batch, keyHead * groupSize + member, keyHead);
    for (var queryFirst = queryBegin; queryFirst < queryEnd; queryFirst += 32u) {
      let pairs = pairsOf(lane, place, queryFirst, keyFirst);
      for (var j = 0u; j < 4u; j++) { // unroll
        tile[(lane % 16u + j % 2u * 16u) * 33u + lane / 16u + j / 2u * 16u] = pairs.p[j];
      }
      for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
        if (chunk * 32u < params.valueDim) {
          stageDout(lane, PANEL_1, place, queryFirst, chunk * 32u);
          workgroupBarrier();
          valueSums[chunk] += weighted(lane);
          workgroupBarrier();
        }
      }
      for (var j = 0u; j < 4u; j++) { // unroll
        tile[(lane % 16u + j % 2u * 16u) * 33u + lane / 16u + j / 2u * 16u] = pairs.ds[j];
      }
      for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
        if (chunk * 32u < params.dim) {
          stageQ(lane, PANEL_1, place, queryFirst, chunk * 32u);
          workgroupBarrier();
          keySums[chunk] += weighted(lane);
          workgroupBarrier();
        }
      }
    }
  }

  let key = keyFirst + lane / 8u;
  if (key < params.keys) {
    let row = keyRow(Head(batch, 0u, keyHead), key);
    for (var chunk = 0u; chunk < 8u; chunk++) { // unroll
      for (var j = 0u; j < 4u; j++) { // unroll
        let d = chunk * 32u + lane % 8u * 4u + j;
        if (d < params.dim) {
          dk[row * params.dim + d] = params.scale * keySums[chunk][j];
        }
        if (d < params.valueDim) {
          dv[row * params.valueDim + d] = valueSums[chunk][j];
        }
      }
    }
  }
}
