// Four neighbouring elements as they are stored (storage_types: 0 f32 in 4 words, 1 f16 and 2 bf16 in words x and y, the
// earlier element in the low half) and as numbers. Branch-free integer arithmetic, bit for bit as in storage_types.

fn quadOfWords(storage: u32, words: vec4u) -> vec4f {
  if (storage == 0u) {
    return bitcast<vec4f>(words);
  }
  let halves = vec4u(words.x, words.x >> 16u, words.y, words.y >> 16u) & vec4u(0xffffu);
  if (storage == 2u) {
    return bitcast<vec4f>(halves << vec4u(16u));
  }
  let magnitude = (halves & vec4u(0x7fffu)) << vec4u(13u);
  let exponent = magnitude & vec4u(0x0f800000u);
  // Subnormals are written as fractions added to 2^-14, which is then subtracted, exactly.
  let small = bitcast<vec4u>(bitcast<vec4f>(magnitude + 0x38800000u) - vec4f(0x1p-14));
  let large = magnitude +
    select(vec4u(0x38000000u), vec4u(0x70000000u), exponent == vec4u(0x0f800000u));
  let bits = select(large, small, exponent == vec4u(0u));
  return bitcast<vec4f>(bits | ((halves & vec4u(0x8000u)) << vec4u(16u)));
}

// To the nearest, ties to even, infinity beyond the largest, NaN made quiet.
fn wordsOfQuad(storage: u32, quad: vec4f) -> vec4u {
  let bits = bitcast<vec4u>(quad);
  if (storage == 0u) {
    return bits;
  }
  return packed(nearest(storage, bits));
}

fn nearest(storage: u32, bits: vec4u) -> vec4u {
  let magnitude = bits & vec4u(0x7fffffffu);
  let isNan = magnitude > vec4u(0x7f800000u);
  if (storage == 2u) {
    let rounded = bits + 0x7fffu + ((bits >> vec4u(16u)) & vec4u(1u));
    return select(rounded, bits | vec4u(0x400000u), isNan) >> vec4u(16u);
  }
  // The carry of rounding takes 65520 and more to infinity; larger values are clamped to that.
  let within = min(magnitude, vec4u(0x47800000u));
  let large = (within - 0x38000000u + 0xfffu + ((within >> vec4u(13u)) & vec4u(1u))) >> vec4u(13u);
  // Below 2^-14, in units of 2^-24: beyond 25 places nothing is left.
  let places = min(vec4u(126u) - min(magnitude >> vec4u(23u), vec4u(125u)), vec4u(25u));
  let whole = (magnitude & vec4u(0x7fffffu)) | vec4u(0x800000u);
  let half = vec4u(1u) << (places - 1u);
  let small = (whole + half - 1u + ((whole >> places) & vec4u(1u))) >> places;
  let quiet = vec4u(0x7e00u) | ((magnitude >> vec4u(13u)) & vec4u(0x3ffu));
  let rounded = select(select(large, small, magnitude < vec4u(0x38800000u)), quiet, isNan);
  return rounded | ((bits >> vec4u(16u)) & vec4u(0x8000u));
}

fn packed(halves: vec4u) -> vec4u {
  return vec4u(halves.x | (halves.y << 16u), halves.z | (halves.w << 16u), 0u, 0u);
}
