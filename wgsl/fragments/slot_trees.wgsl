// The sum of the slots of a scalar: the tree over batchSlots of the trees over rowSlots (at most 8 each). Needs `sums`.

fn treeOfSlots(first: u32, batchSlots: u32, rowSlots: u32) -> f32 {
  var leaves: array<f32, 8>;
  for (var k = 0u; k < 8u; k++) { // unroll
    if (k < batchSlots) {
      leaves[k] = treeOfRowSlots(first + k * rowSlots, rowSlots);
    }
  }
  return ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) +
    ((leaves[4] + leaves[5]) + (leaves[6] + leaves[7]));
}

fn treeOfRowSlots(first: u32, rowSlots: u32) -> f32 {
  var leaves: array<f32, 8>;
  for (var k = 0u; k < 8u; k++) { // unroll
    if (k < rowSlots) {
      leaves[k] = sums[first + k];
    }
  }
  return ((leaves[0] + leaves[1]) + (leaves[2] + leaves[3])) +
    ((leaves[4] + leaves[5]) + (leaves[6] + leaves[7]));
}
