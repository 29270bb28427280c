// Storage types: 0 f32, 1 f16, 2 bf16 (src/device/storage_types.ts). Integer arithmetic on bits throughout, as shaders may
// flush subnormals, round as they like, and assume that there is neither infinity nor NaN.

// The f32 bits of a 16-bit element, exactly; a NaN keeps its payload.
fn widen(storage: u32, half: u32) -> u32 {
  if (storage == 2u) {
    return half << 16u;
  }
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let fraction = half & 0x3ffu;
  if (exponent == 31u) {
    return sign | 0x7f800000u | (fraction << 13u);
  }
  if (exponent > 0u) {
    return sign | ((exponent + 112u) << 23u) | (fraction << 13u);
  }
  if (fraction == 0u) {
    return sign;
  }
  // A subnormal, fraction * 2^-24: its leading one moves to bit 23, where it counts as one more of the exponent.
  let leading = firstLeadingBit(fraction);
  return sign | (((leading + 102u) << 23u) + (fraction << (23u - leading)));
}

// The 16 bits nearest to f32 bits, ties to even; infinity beyond the largest; a NaN made quiet.
fn narrow(storage: u32, bits: u32) -> u32 {
  let magnitude = bits & 0x7fffffffu;
  let isNan = magnitude > 0x7f800000u;
  if (storage == 2u) {
    return select(bits + 0x7fffu + ((bits >> 16u) & 1u), bits | 0x400000u, isNan) >> 16u;
  }
  let sign = (bits >> 16u) & 0x8000u;
  if (isNan) {
    return sign | 0x7e00u | ((magnitude >> 13u) & 0x3ffu);
  }
  // From 2^16 on all is infinity; the carry of rounding takes 65520 and more there too.
  if (magnitude >= 0x47800000u) {
    return sign | 0x7c00u;
  }
  if (magnitude >= 0x38800000u) {
    return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u);
  }
  // Below 2^-14, in units of 2^-24: beyond 25 places nothing is left.
  let places = min(126u - (magnitude >> 23u), 25u);
  let whole = (magnitude & 0x7fffffu) | 0x800000u;
  return sign | ((whole + (1u << (places - 1u)) - 1u + ((whole >> places) & 1u)) >> places);
}
