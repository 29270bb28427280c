//! 16-bit floats, in the lower half of a word, and f32: without branches, so that the compiler makes SIMD of loops over them (after F. Giesen's
//! float_to_half_fast3_rtne and half_to_float_fast4). Narrowing rounds to the nearest, ties to even; NaN stays NaN.

#[inline(always)]
pub fn bf16_to_f32(bits: u32) -> f32 {
    f32::from_bits(bits << 16)
}

#[inline(always)]
pub fn f32_to_bf16(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    // Rounding could carry a NaN over into infinity: it is made quiet instead.
    let nan = bits | 0x0040_0000;
    let is_nan = bits & 0x7fff_ffff > INFINITY;
    (if is_nan { nan } else { rounded }) >> 16
}

#[inline(always)]
pub fn f16_to_f32(bits: u32) -> f32 {
    let magnitude = (bits & 0x7fff) << 13;
    let exponent = magnitude & EXPONENT_F16;
    let normal = magnitude + ((127 - 15) << 23);
    // Infinity and NaN: the exponent of f32 is all ones too.
    let special = normal + ((128 - 16) << 23);
    // A subnormal is a fraction of 2^-14: put it under that power's own leading one, and take the one away. (To multiply
    // it by 2^112 would be shorter, but subnormal operands cost a hundred cycles each.)
    let subnormal = (f32::from_bits(magnitude + (113 << 23)) - f32::from_bits(113 << 23)).to_bits();
    let finite = if exponent == 0 { subnormal } else { normal };
    let whole = if exponent == EXPONENT_F16 {
        special
    } else {
        finite
    };
    f32::from_bits(whole | (bits & 0x8000) << 16)
}

#[inline(always)]
pub fn f32_to_f16(value: f32) -> u32 {
    let bits = value.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    // The bits to drop are rounded by a carry, which may go up to the exponent and on to infinity.
    let odd = (magnitude >> 13) & 1;
    let normal = magnitude
        .wrapping_sub((127 - 15) << 23)
        .wrapping_add(0xfff + odd)
        >> 13;
    // Adding one half puts a subnormal's bits at the lower end of the sum, rounded by the addition itself.
    let half = f32::from_bits(126 << 23);
    let subnormal = (f32::from_bits(magnitude) + half)
        .to_bits()
        .wrapping_sub(half.to_bits());
    let special = if magnitude > INFINITY { 0x7e00 } else { 0x7c00 };
    let finite = if magnitude < 113 << 23 {
        subnormal
    } else {
        normal
    };
    let whole = if magnitude >= 143 << 23 {
        special
    } else {
        finite
    };
    whole | (bits >> 16) & 0x8000
}

const INFINITY: u32 = 0x7f80_0000;
/// The exponent of an f16, where it lies in an f32 before it is biased.
const EXPONENT_F16: u32 = 0x7c00 << 13;
