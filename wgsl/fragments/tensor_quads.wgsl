// Loads quads of `tensor` (included once for each operand, whose name stands for `tensor`), stored as `tensorType` says.
// Its buffer is bound as vec4u, so that a whole f32 quad is one load.

override tensorType: u32 = 0u;

// The quad at element `at`, a multiple of 4, as words.
fn wholeTensor(at: u32) -> vec4u {
  if (tensorType == 0u) {
    return tensor[at / 4u];
  }
  let both = tensor[at / 8u];
  return vec4u(select(both.xy, both.zw, (at & 4u) != 0u), 0u, 0u);
}

// The quad at element `at`, of which the first `count` elements are wanted, as words; the others are 0. `aligned`: at is a
// multiple of 4 and count is 4 or 0.
fn loadTensor(at: u32, count: u32, aligned: bool) -> vec4u {
  if (count == 0u) {
    return vec4u();
  }
  if (aligned) {
    return wholeTensor(at);
  }
  if (tensorType == 0u) {
    var words = vec4u(tensor[at / 4u][at % 4u], 0u, 0u, 0u);
    if (count > 1u) {
      words.y = tensor[(at + 1u) / 4u][(at + 1u) % 4u];
    }
    if (count > 2u) {
      words.z = tensor[(at + 2u) / 4u][(at + 2u) % 4u];
    }
    if (count > 3u) {
      words.w = tensor[(at + 3u) / 4u][(at + 3u) % 4u];
    }
    return words;
  }
  let word = at / 2u;
  var words = vec4u(tensor[word / 4u][word % 4u], 0u, 0u, 0u);
  if (count > 2u) {
    words.y = tensor[(word + 1u) / 4u][(word + 1u) % 4u];
  }
  // Of a word that is half another's.
  return words & select(vec4u(0xffffffffu), vec4u(0xffffu), vec4u(1u, 3u, 5u, 7u) == vec4u(count));
}
