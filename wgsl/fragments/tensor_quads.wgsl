// Loads quads of `tensor` (included once for each operand, whose name stands for `tensor`), stored as `tensorType` says, as
// words for storage_quads. Bound as words of 32 bits, for no two lanes may store to one vector.

override tensorType: u32 = 0u;

// The quad in columns `cols` of the row that begins at element `row`.
fn wholeTensor(row: u32, cols: vec4u) -> vec4u {
  if (tensorType == 0u) {
    return vec4u(
      tensor[row + cols.x],
      tensor[row + cols.y],
      tensor[row + cols.z],
      tensor[row + cols.w],
    );
  }
  return vec4u(tensor[(row + cols.x) / 2u], tensor[(row + cols.z) / 2u], 0u, 0u);
}

// Those of its elements that are in the tile; 0 for the others.
fn loadTensor(row: u32, cols: vec4u, isIn: vec4<bool>) -> vec4u {
  var words = vec4u();
  if (tensorType == 0u) {
    for (var j = 0u; j < 4u; j++) { // unroll
      if (isIn[j]) {
        words[j] = tensor[row + cols[j]];
      }
    }
    return words;
  }
  // The second element of a word may belong to another tile.
  for (var j = 0u; j < 2u; j++) { // unroll
    if (isIn[2u * j]) {
      let word = tensor[(row + cols[2u * j]) / 2u];
      words[j] = select(word & 0xffffu, word, isIn[2u * j + 1u]);
    }
  }
  return words;
}
