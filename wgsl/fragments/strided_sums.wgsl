// Second stage of many sums: a workgroup of 256 makes 8 of them, with 32 lanes each, from what the first stage left in
// `scratch`. Lanes 0 to 7 get the sums 0 to 7; the caller's `part` is lane / 8, its sum is lane % 8.

var<workgroup> partSums: array<f32, 256>;

fn stridedSum(lane: u32, first: u32, step: u32, count: u32) -> f32 {
  var sum = 0.0;
  for (var part = lane / 8u; part < count; part += 32u) {
    sum += scratch[first + part * step];
  }
  partSums[lane] = sum;
  for (var half = 128u; half >= 8u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      partSums[lane] += partSums[lane + half];
    }
  }
  return partSums[lane];
}
