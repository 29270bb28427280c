// out[r, c] = sin(2 pi x[r, c]), out[r, cols + c] = cos(2 pi x[r, c]).
// WGSL's own sin and cos may be wrong by 2^-11, and by more beyond pi. Here whole quarters of a turn are taken off, which is exact, and
// the rest, at most 1/8 of a turn, goes into Taylor series: absolute error <= 2e-7.
// A workgroup does 1024 elements, four per invocation and 256 apart, so that neighbours read neighbours.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let i = first + j * 256u;
    if (i < params.rows * params.cols) {
      let turns = x[i] - round(x[i]);
      let quarters = round(4.0 * turns);
      let angle = 6.283185307 * (turns - 0.25 * quarters);
      let square = angle * angle;
      let s = angle * (1.0 + square * (-1.6666666667e-1 + square * (8.3333333333e-3 +
        square * (-1.9841269841e-4 + square * 2.7557319224e-6))));
      let c = 1.0 + square * (-0.5 + square * (4.1666666667e-2 + square * (-1.3888888889e-3 +
        square * 2.4801587302e-5)));
      let isOdd = (i32(quarters) & 1) != 0;
      let isHalf = (i32(quarters) & 2) != 0;
      let sine = select(s, c, isOdd);
      let cosine = select(c, -s, isOdd);
      let at = i / params.cols * 2u * params.cols + i % params.cols;
      out[at] = select(sine, -sine, isHalf);
      out[at + params.cols] = select(cosine, -cosine, isHalf);
    }
  }
}
