// Stores quads of `tensor`; see tensor_quads, which it needs. An element beside the quad keeps its value, also where it
// shares a word with the quad's last one.

fn storeTensor(at: u32, count: u32, aligned: bool, words: vec4u) {
  if (count == 0u) {
    return;
  }
  if (tensorType == 0u) {
    if (aligned) {
      tensor[at / 4u] = words;
      return;
    }
    tensor[at / 4u][at % 4u] = words.x;
    if (count > 1u) {
      tensor[(at + 1u) / 4u][(at + 1u) % 4u] = words.y;
    }
    if (count > 2u) {
      tensor[(at + 2u) / 4u][(at + 2u) % 4u] = words.z;
    }
    if (count > 3u) {
      tensor[(at + 3u) / 4u][(at + 3u) % 4u] = words.w;
    }
    return;
  }
  storeTensorWord(at / 2u, count, words.x);
  if (count > 2u) {
    storeTensorWord(at / 2u + 1u, count - 2u, words.y);
  }
}

// One word of two elements, or of one and a neighbour that stays.
fn storeTensorWord(word: u32, count: u32, bits: u32) {
  if (count > 1u) {
    tensor[word / 4u][word % 4u] = bits;
  } else {
    let old = tensor[word / 4u][word % 4u];
    tensor[word / 4u][word % 4u] = (old & 0xffff0000u) | (bits & 0xffffu);
  }
}
