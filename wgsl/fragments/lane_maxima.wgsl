// The largest over the `lanes` invocations that share a row, as a tree; all of them get it.

var<workgroup> laneMaxima: array<f32, 256>;

fn rowLargest(lane: u32, value: f32) -> f32 {
  laneMaxima[lane] = value;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % lanes < half) {
      laneMaxima[lane] = max(laneMaxima[lane], laneMaxima[lane + half]);
    }
  }
  workgroupBarrier();
  let largest = laneMaxima[lane - lane % lanes];
  workgroupBarrier();
  return largest;
}
