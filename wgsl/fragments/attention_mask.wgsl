// The mask of keys and the biases by distance, each in an operand of its own.

fn keyMaskAt(index: u32) -> u32 {
  return keyMask[index];
}

fn biasAt(index: u32) -> f32 {
  return bias[index];
}
