// Second stage of a sum over everything: a workgroup of 256 adds what the first stage left in scratch[0 .. count].
// Needs `scratch` and the fragment workgroup_sum. Only lane 0 gets the sum.

fn sumOfPartials(lane: u32, count: u32) -> f32 {
  var s0 = 0.0;
  var s1 = 0.0;
  var i = lane;
  for (; i + 256u < count; i += 512u) {
    s0 += scratch[i];
    s1 += scratch[i + 256u];
  }
  if (i < count) {
    s0 += scratch[i];
  }
  return workgroupSum(lane, s0 + s1);
}
