// Stores quads of `tensor`; see tensor_quads, which the source includes for the same operand. Elements outside of the tile
// keep their values, also as the second element of a word whose first is inside.

fn storeTensor(row: u32, cols: vec4u, isIn: vec4<bool>, words: vec4u) {
  if (tensorType == 0u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      if (isIn[j]) {
        tensor[row + cols[j]] = words[j];
      }
    }
    return;
  }
  for (var j = 0u; j < 2u; j++) { // unroll
    let at = (row + cols[2u * j]) / 2u;
    if (isIn[2u * j + 1u]) {
      tensor[at] = words[j];
    } else if (isIn[2u * j]) {
      tensor[at] = (tensor[at] & 0xffff0000u) | (words[j] & 0xffffu);
    }
  }
}
