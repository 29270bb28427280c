// out[toOffset + i] = x[fromOffset + i] for i < length, or += where `accumulates`; each operand as its storage type says.
// An invocation has whole words of out, four and 256 apart, so that neighbours read neighbours; an element of such a word
// that is beyond the range keeps its value.

// include: storage_types

override accumulates: bool = false;

// The new bits of element `at` of out; `old` are its bits before.
fn renewed(at: u32, old: u32) -> u32 {
  // Before the range this wraps around, beyond every length.
  let i = at - params.toOffset;
  if (i >= params.length) {
    return old;
  }
  let source = params.fromOffset + i;
  var bits = 0u;
  if (params.fromType == 0u) {
    bits = x[source];
  } else {
    bits = extractBits(x[source / 2u], source % 2u * 16u, 16u);
  }
  if (params.fromType == params.toType && !accumulates) {
    return bits;
  }
  if (params.fromType != 0u) {
    bits = widen(params.fromType, bits);
  }
  if (accumulates) {
    var oldBits = old;
    if (params.toType != 0u) {
      oldBits = widen(params.toType, old);
    }
    bits = bitcast<u32>(bitcast<f32>(oldBits) + bitcast<f32>(bits));
  }
  if (params.toType == 0u) {
    return bits;
  }
  return narrow(params.toType, bits);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let perWord = select(2u, 1u, params.toType == 0u);
  let first = params.toOffset / perWord + (group.y * groups.x + group.x) * 1024u + lane;
  for (var j = 0u; j < 4u; j++) { // unroll
    let word = first + j * 256u;
    if (word * perWord < params.toOffset + params.length) {
      let old = out[word];
      if (perWord == 1u) {
        out[word] = renewed(word, old);
      } else {
        out[word] = renewed(2u * word, old & 0xffffu) |
          (renewed(2u * word + 1u, old >> 16u) << 16u);
      }
    }
  }
}
