//! 16-bit floats, in the lower half of a word, and f32. Narrowing rounds to the nearest, ties to even; NaN stays NaN.
//! Nothing branches, so the compiler makes SIMD of loops over these (after F. Giesen's float_to_half_fast3_rtne and
//! half_to_float_fast4).
//!
//! Sums of finite f16 need none of the cases. The bits of an f16, put into those of an f32 at the same places,
//!
//! ```text
//! f16             s eeeee mmmmmmmmmm
//! f32    s 000 eeeee mmmmmmmmmm 0000000000000  =  value * 2^-112, for subnormals too
//! ```
//!
//! are the value times 2^-112, and f32 adds such numbers as it adds the values themselves: both round at the 24th bit,
//! and below 2^-14 * 2^-112, where subnormals have fewer bits, all sums of f16 are exact, as they are multiples of 2^-24.
//! On the way back the bits are at their places already, and only rounding and overflow are left.

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
    (if value.is_nan() { nan } else { rounded }) >> 16
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

/// The finite f16 in the upper half of `bits`, times 2^-112.
#[inline(always)]
pub fn upper_f16_to_scaled(bits: u32) -> f32 {
    f32::from_bits((bits.cast_signed() >> 3).cast_unsigned() & 0x8fff_e000)
}

/// Two sums of such numbers, times 2^112, as a pair of f16; they must round to less than 2^16.
#[inline(always)]
pub fn scaled_to_f16_pair(low: f32, high: f32) -> u32 {
    let (low, high) = (rounded_by_carry(low), rounded_by_carry(high));
    let magnitudes = (high << 3) & 0x7fff_0000 | (low >> 13) & 0x7fff;
    magnitudes | high & 0x8000_0000 | (low >> 16) & 0x8000
}

#[inline(always)]
fn rounded_by_carry(value: f32) -> u32 {
    let bits = value.to_bits();
    bits + 0xfff + ((bits >> 13) & 1)
}

/// A sum of such numbers, times 2^(112 - halvings), as an f16; it must round to less than 2^16. With 112 halvings it is
/// `f32_to_f16` of what is that small.
///
/// Adding 2^13 times the power of two below a number drops 13 bits of its 24, rounded by the addition itself, and leaves
/// the others at the lower end of the sum. Below the least power, 2^-14, more bits are dropped.
#[inline(always)]
pub fn scaled_to_f16(sum: f32, halvings: u32) -> u32 {
    let bits = sum.to_bits();
    let least = (1 + halvings) << 23;
    let power = (bits & 0x7f80_0000).max(least);
    let magic = power + (13 << 23);
    let dropped = f32::from_bits(bits & 0x7fff_ffff) + f32::from_bits(magic);
    let fraction = dropped.to_bits() - magic;
    let magnitude = fraction + ((power - least) >> 13);
    magnitude | (bits >> 16) & 0x8000
}

/// Such a sum times 2^112, which is exact.
#[inline(always)]
pub fn scaled_to_f32(sum: f32) -> f32 {
    let bits = sum.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    // As in `f16_to_f32`: no subnormal is multiplied.
    let subnormal = f32::from_bits(magnitude + (113 << 23)) - f32::from_bits(113 << 23);
    let whole = if magnitude < 1 << 23 {
        subnormal.to_bits()
    } else {
        magnitude + (112 << 23)
    };
    f32::from_bits(whole | bits & 0x8000_0000)
}

const INFINITY: u32 = 0x7f80_0000;
/// The exponent of an f16, at its place in an f32, before it is biased.
const EXPONENT_F16: u32 = 0x7c00 << 13;
