// Rotary position embedding of rows of `dim` features, of which rotaryDim from rotaryBegin on turn in pairs (a, b):
//   (a, b) -> (a cos - b sign sin, a sign sin + b cos),   pairs (i, i + rotaryDim / 2), or (2 i, 2 i + 1) where interleaved
// Row r has the position r / heads % positions. cos and sin are [positions, rotaryDim / 2].
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let half = params.rotaryDim / 2u;
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.rows * params.dim) {
      let row = i / params.dim;
      // Features before rotaryBegin become huge numbers.
      let feature = i % params.dim - params.rotaryBegin;
      if (feature >= params.rotaryDim) {
        out[i] = x[i];
      } else {
        let interleaved = params.interleaved != 0u;
        let pair = select(feature % half, feature / 2u, interleaved);
        let isFirst = select(feature < half, feature % 2u == 0u, interleaved);
        let distance = select(half, 1u, interleaved);
        let partner = select(i - distance, i + distance, isFirst);
        let angle = row / params.heads % params.positions * half + pair;
        let turn = params.sign * sin[angle];
        out[i] = x[i] * cos[angle] + select(turn, -turn, isFirst) * x[partner];
      }
    }
  }
}
