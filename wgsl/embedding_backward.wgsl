// dtable[v, d] += sum of dy[t, d] over the t with indices[t] = v, in the order of t.
//
// A workgroup owns row v and 256 of its columns, so nothing is added atomically and every run gives the same bits. It
// looks through the indices 2048 at a time: all lanes mark the matches in a bit mask, then each lane, as column d, adds
// the marked rows from the lowest t to the highest.

var<workgroup> matches: array<atomic<u32>, 64>;
var<workgroup> numMatches: atomic<u32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocksAcross = (params.width + 255u) / 256u;
  let block = group.y * groups.x + group.x;
  let v = block / blocksAcross;
  let d = block % blocksAcross * 256u + lane;
  if (v >= params.numRows) {
    return;
  }

  var sum = 0.0;
  for (var first = 0u; first < params.count; first += 2048u) {
    if (lane < 64u) {
      atomicStore(&matches[lane], 0u);
    }
    if (lane == 64u) {
      atomicStore(&numMatches, 0u);
    }
    workgroupBarrier();
    for (var j = 0u; j < 8u; j++) { // unroll
      let offset = j * 256u + lane;
      if (first + offset < params.count && indices[first + offset] == v) {
        atomicOr(&matches[offset / 32u], 1u << (offset % 32u));
        atomicAdd(&numMatches, 1u);
      }
    }
    workgroupBarrier();
    var left = atomicLoad(&numMatches);
    for (var word = 0u; left > 0u; word++) {
      var bits = atomicLoad(&matches[word]);
      left -= countOneBits(bits);
      while (bits != 0u) {
        let t = first + word * 32u + firstTrailingBit(bits);
        if (d < params.width) {
          sum += dy[t * params.width + d];
        }
        bits &= bits - 1u;
      }
    }
    workgroupBarrier();
  }
  if (d < params.width) {
    dtable[v * params.width + d] += sum;
  }
}
