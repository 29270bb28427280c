// dbias[heads, j] = sum of ds over the batch and all t and s with s - t + queries - 1 = j
//
// A workgroup owns a diagonal of tiles of one head: 32 x 32 pairs that are `diagonal` tiles apart have 63
// distances, a lane for each. Every distance is on at most two diagonals of tiles, which the second stage adds.

// include: attention_pairs

@compute @workgroup_size(256)
fn diagonals(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let queryTiles = (params.queries + 31u) / 32u;
  let keyTiles = (params.keys + 31u) / 32u;
  let perHead = queryTiles + keyTiles - 1u;
  let block = group.y * groups.x + group.x;
  let head = block / perHead;
  let diagonal = block % perHead;
  if (head >= params.heads) {
    return;
  }
  var sum = 0.0;
  for (var batch = 0u; batch < params.batch; batch++) {
    let place = headAt(batch, head);
    for (var queryTile = 0u; queryTile < queryTiles; queryTile++) {
      // The tile of keys is diagonal - (queryTiles - 1) further on.
      let keyTile = queryTile + diagonal + 1u - queryTiles;
      if (queryTile + diagonal + 1u >= queryTiles && keyTile < keyTiles) {
        let pairs = pairsOf(lane, place, queryTile * 32u, keyTile * 32u);
        for (var j = 0u; j < 4u; j++) { // unroll
          tile[(lane / 16u + j / 2u * 16u) * 33u + lane % 16u + j % 2u * 16u] = pairs.ds[j];
        }
        workgroupBarrier();
        for (var r = 0u; r < 32u; r++) {
          let c = r + lane - 31u;
          if (lane < 63u && r + lane >= 31u && c < 32u) {
            sum += tile[r * 33u + c];
          }
        }
        workgroupBarrier();
      }
    }
  }
  if (lane < 63u) {
    scratch[block * 63u + lane] = sum;
  }
}

@compute @workgroup_size(256)
fn finish(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let queryTiles = (params.queries + 31u) / 32u;
  let perHead = queryTiles + (params.keys + 31u) / 32u - 1u;
  let distances = params.queries + params.keys - 1u;
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.heads * distances) {
    return;
  }
  // Diagonal d holds the distances at 32 d ... 32 d + 62.
  let at = i % distances + 32u * queryTiles - params.queries;
  let diagonal = at / 32u;
  let first = i / distances * perHead;
  var sum = 0.0;
  if (diagonal < perHead) {
    sum = scratch[(first + diagonal) * 63u + at % 32u];
  }
  if (diagonal > 0u && at % 32u < 31u) {
    sum += scratch[(first + diagonal - 1u) * 63u + at % 32u + 32u];
  }
  dbias[i] = sum;
}
