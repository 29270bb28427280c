// The sum over the `lanes` invocations that share a row, as a tree; all of them get it.

var<workgroup> laneSums: array<f32, 256>;

fn rowSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % lanes < half) {
      laneSums[lane] += laneSums[lane + half];
    }
  }
  workgroupBarrier();
  let sum = laneSums[lane - lane % lanes];
  workgroupBarrier();
  return sum;
}
