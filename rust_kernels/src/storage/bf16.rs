//! bf16: the upper half of an f32.

use crate::simd::f32x4::F32x4;
use crate::simd::kept::kept;
use crate::simd::u16x8::U16x8;
use crate::simd::u32x4::U32x4;
use crate::storage::half::Format;

/// The constants of conversions.
#[derive(Clone, Copy)]
pub struct Bf16 {
    splitter: U32x4,
    lower_half: U32x4,
    one: U32x4,
    below_half: U32x4,
    f32_magnitude: U32x4,
    infinity: U32x4,
    quiet: U32x4,
}

const NUMBERS: Bf16 = Bf16 {
    splitter: U32x4::constant(65537f32.to_bits()),
    lower_half: U32x4::constant(0xffff),
    one: U32x4::constant(1),
    below_half: U32x4::constant(0x7fff),
    f32_magnitude: U32x4::constant(0x7fff_ffff),
    infinity: U32x4::constant(0x7f80_0000),
    quiet: U32x4::constant(0x0040_0000),
};

impl Format for Bf16 {
    #[inline(always)]
    fn new() -> Self {
        kept(&NUMBERS)
    }

    #[inline(always)]
    fn widen(self, halves: U16x8) -> [F32x4; 2] {
        halves.as_upper_halves(U16x8::zero()).map(U32x4::as_f32)
    }

    #[inline(always)]
    fn widen_all<const N: usize>(self, halves: [U16x8; N]) -> [[F32x4; 2]; N] {
        halves.map(|halves| self.widen(halves))
    }

    #[inline(always)]
    fn widen_magnitudes<const N: usize>(self, halves: [U16x8; N]) -> [[F32x4; 2]; N] {
        self.widen_all(halves)
    }

    #[inline(always)]
    fn narrow_words(self, x: F32x4) -> U32x4 {
        let bits = U32x4::bits_of(x);
        let odd = bits.shr::<16>().and(self.one);
        let carried = bits.plus(self.below_half).plus(odd);
        // Rounding could carry a NaN over to zero: NaN is made quiet instead.
        let is_nan = bits.and(self.f32_magnitude).gt(self.infinity);
        is_nan.select(bits.or(self.quiet), carried).shr::<16>()
    }

    /// The bits of all results, or-ed.
    type Check = U32x4;

    #[inline(always)]
    fn merge(one: U32x4, other: U32x4) -> U32x4 {
        one.or(other)
    }

    #[inline(always)]
    fn round_fast(self, x: [F32x4; 2]) -> (U16x8, [F32x4; 2], U32x4) {
        // With 24 bits of a significand, x (2^16 + 1) - (x (2^16 + 1) - x) is x to 8 bits, the even one where two are as near
        // (G. W. Veltkamp's splitting; T. J. Dekker 1971).
        let rounded = x.map(|x| {
            let product = x * self.splitter.as_f32();
            product - (product - x)
        });
        let bits = rounded.map(U32x4::bits_of);
        (U16x8::upper_halves(bits), rounded, bits[0].or(bits[1]))
    }

    #[inline(always)]
    fn failed(self, check: U32x4, sum: F32x4) -> bool {
        // A subnormal is rounded to fewer bits than asked for, so that lower bits remain; where the product overflows, the
        // result is NaN.
        check.and(self.lower_half).gt(U32x4::constant(0)).or(U32x4::where_nan(sum)).any()
    }
}
