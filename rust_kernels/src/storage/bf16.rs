//! bf16: the upper half of an f32.

use crate::simd::bits::{Halves, Words, kept};
use crate::simd::lanes::F32x4;
use crate::storage::half::Format;

/// The constants of conversions.
#[derive(Clone, Copy)]
pub struct Bf16 {
    splitter: Words,
    lower_half: Words,
    one: Words,
    below_half: Words,
    f32_magnitude: Words,
    infinity: Words,
    quiet: Words,
}

const NUMBERS: Bf16 = Bf16 {
    splitter: Words::all(65537f32.to_bits()),
    lower_half: Words::all(0xffff),
    one: Words::all(1),
    below_half: Words::all(0x7fff),
    f32_magnitude: Words::all(0x7fff_ffff),
    infinity: Words::all(0x7f80_0000),
    quiet: Words::all(0x0040_0000),
};

impl Format for Bf16 {
    #[inline(always)]
    fn new() -> Self {
        kept(&NUMBERS)
    }

    #[inline(always)]
    fn widen(self, halves: Halves) -> [F32x4; 2] {
        halves.above_low(Halves::zero()).map(Words::as_f32)
    }

    #[inline(always)]
    fn widen_all<const N: usize>(self, halves: [Halves; N]) -> [[F32x4; 2]; N] {
        halves.map(|halves| self.widen(halves))
    }

    #[inline(always)]
    fn widen_magnitudes<const N: usize>(self, halves: [Halves; N]) -> [[F32x4; 2]; N] {
        self.widen_all(halves)
    }

    #[inline(always)]
    fn narrow_words(self, x: F32x4) -> Words {
        let bits = Words::of(x);
        let odd = bits.down::<16>().and(self.one);
        let carried = bits.plus(self.below_half).plus(odd);
        // Rounding could carry a NaN over into zero: it is made quiet instead.
        let is_nan = bits.and(self.f32_magnitude).above(self.infinity);
        is_nan.select(bits.or(self.quiet), carried).down::<16>()
    }

    /// The bits of all that came of it.
    type Seen = Words;

    #[inline(always)]
    fn both(one: Words, other: Words) -> Words {
        one.or(other)
    }

    #[inline(always)]
    fn round(self, x: [F32x4; 2]) -> (Halves, [F32x4; 2], Words) {
        // With 24 bits of a significand, x (2^16 + 1) - (x (2^16 + 1) - x) is x to 8 bits, the even one where two are as near
        // (G. W. Veltkamp; T. J. Dekker 1971).
        let rounded = x.map(|x| {
            let product = x * self.splitter.as_f32();
            product - (product - x)
        });
        let bits = rounded.map(Words::of);
        (Words::upper_halves(bits), rounded, bits[0].or(bits[1]))
    }

    #[inline(always)]
    fn unfit(self, seen: Words, sum: F32x4) -> bool {
        // A subnormal's last bit lies elsewhere, and keeps more than bf16 has; where the product overflows comes NaN.
        seen.and(self.lower_half).above(Words::all(0)).or(sum.is_nan()).any()
    }
}
