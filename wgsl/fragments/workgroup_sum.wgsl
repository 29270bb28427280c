// The sum of one value per invocation of a workgroup of 256, as a tree 256 -> 16 -> 1: two barriers. Only lane 0 gets it.

var<workgroup> laneSums: array<f32, 256>;

fn workgroupSum(lane: u32, value: f32) -> f32 {
  laneSums[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var sum = 0.0;
    for (var j = 0u; j < 16u; j++) { // unroll
      sum += laneSums[j * 16u + lane];
    }
    laneSums[lane] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  if (lane == 0u) {
    for (var j = 0u; j < 16u; j++) { // unroll
      total += laneSums[j];
    }
  }
  return total;
}
