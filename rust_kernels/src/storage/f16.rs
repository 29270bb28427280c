//! f16: 5 bits of exponent and 10 of fraction; subnormals, below 2^-14, are multiples of 2^-24.

use crate::simd::f32x4::F32x4;
use crate::simd::kept::kept;
use crate::simd::u16x8::U16x8;
use crate::simd::u32x4::U32x4;
use crate::storage::half::Format;

/// The constants of conversions.
#[derive(Clone, Copy)]
pub struct F16 {
    infinity: U16x8,
    largest: U16x8,
    magnitude: U16x8,
    sign: U16x8,
    sign_and_digits: U16x8,
    rebias: U16x8,
    to_the_end: U16x8,
    last_normal: U16x8,
    magnitude_to_the_end: U16x8,
    last_normal_magnitude: U16x8,
    f32_exponent: U16x8,
    smallest_exponent: U16x8,
    rounder: U16x8,
    fast_exponent: U16x8,
    subnormal_end: U32x4,
    smallest_normal: U32x4,
    too_large: U32x4,
    dropped_bits: U32x4,
    fraction: U32x4,
    quiet: U32x4,
    sign_word: U32x4,
    f32_magnitude: U32x4,
    f32_infinity: U32x4,
}

const NUMBERS: F16 = F16 {
    infinity: U16x8::constant(0x7c00),
    largest: U16x8::constant(0x7bff),
    magnitude: U16x8::constant(0x7fff),
    sign: U16x8::constant(0x8000),
    sign_and_digits: U16x8::constant(0x8fff),
    // The difference of the exponents' biases, in the upper half of a word.
    rebias: U16x8::constant((127 - 15) << 7),
    to_the_end: U16x8::constant(0x7800),
    last_normal: U16x8::constant(0x6fff),
    magnitude_to_the_end: U16x8::constant(0x7c00),
    last_normal_magnitude: U16x8::constant(0xf7ff),
    // In the upper half of a word.
    f32_exponent: U16x8::constant(0x7f80),
    // That of 2^-14, in the upper half of a word.
    smallest_exponent: U16x8::constant((127 - 14) << 7),
    // 1.5 * 2^13 times that.
    rounder: U16x8::constant((127 - 14 + 13) << 7 | 1 << 6),
    // That of 2^14 less that of 2^-14.
    fast_exponent: U16x8::constant(28 << 7),
    subnormal_end: U32x4::constant(1 << 23),
    // 2^-14, as f32.
    smallest_normal: U32x4::constant((127 - 14) << 23),
    // 2^16, as f32: infinity from there on.
    too_large: U32x4::constant((127 + 16) << 23),
    dropped_bits: U32x4::constant(13 << 23),
    fraction: U32x4::constant(0x3ff),
    quiet: U32x4::constant(0x200),
    sign_word: U32x4::constant(0x8000),
    f32_magnitude: U32x4::constant(0x7fff_ffff),
    f32_infinity: U32x4::constant(0x7f80_0000),
};

impl Format for F16 {
    #[inline(always)]
    fn new() -> Self {
        kept(&NUMBERS)
    }

    // After F. Giesen's public domain half_to_float_fast4.
    #[inline(always)]
    fn widen(self, halves: U16x8) -> [F32x4; 2] {
        let magnitude = halves.and(self.magnitude);
        let sign = halves.xor(magnitude);
        // Infinity and NaN: the exponent of f32 is all ones too.
        let special = sign.or(magnitude.gt(self.largest).and(self.f32_exponent));
        let [low, high] = special.as_upper_halves(U16x8::zero());
        let [number_low, number_high] = self.number(magnitude);
        [number_low.or(low).as_f32(), number_high.or(high).as_f32()]
    }

    #[inline(always)]
    fn widen_all<const N: usize>(self, halves: [U16x8; N]) -> [[F32x4; 2]; N] {
        // Twice the magnitudes, shifted so that those which are not normal, at either end of their range, come last among
        // signed numbers.
        let moved = halves.map(|halves| halves.plus(halves).plus(self.to_the_end));
        if largest_of(moved).gt(self.last_normal).any() {
            halves.map(|halves| self.widen_any(halves))
        } else {
            halves.map(|halves| {
                self.upper(halves).as_upper_halves(halves.shl::<13>()).map(U32x4::as_f32)
            })
        }
    }

    #[inline(always)]
    fn widen_magnitudes<const N: usize>(self, halves: [U16x8; N]) -> [[F32x4; 2]; N] {
        let magnitudes = halves.map(|halves| halves.and(self.magnitude));
        let moved = magnitudes.map(|magnitude| magnitude.plus(self.magnitude_to_the_end));
        if !largest_of(moved).gt(self.last_normal_magnitude).any() {
            return magnitudes.map(|magnitude| self.normal(magnitude).map(U32x4::as_f32));
        }
        if largest_of(magnitudes).gt(self.largest).any() {
            return halves.map(|halves| [widen_low(halves), widen_high(halves)]);
        }
        magnitudes.map(|magnitude| self.number(magnitude).map(U32x4::as_f32))
    }

    // After F. Giesen's public domain float_to_half_fast3_rtne.
    #[inline(always)]
    fn narrow_words(self, x: F32x4) -> U32x4 {
        let bits = U32x4::bits_of(x);
        let magnitude = bits.and(self.f32_magnitude);
        let sign = bits.shr::<16>().and(self.sign_word);
        let number = self.round_magnitude(magnitude.min(self.too_large));
        // A NaN was clamped to infinity: its fraction makes it NaN again.
        let fraction = magnitude.shr::<13>().and(self.fraction).or(self.quiet);
        number.or(magnitude.gt(self.f32_infinity).and(fraction)).or(sign)
    }

    /// The largest exponent less that of 2^-14.
    type Check = U16x8;

    #[inline(always)]
    fn merge(one: U16x8, other: U16x8) -> U16x8 {
        one.max(other)
    }

    #[inline(always)]
    fn round_fast(self, x: [F32x4; 2]) -> (U16x8, [F32x4; 2], U16x8) {
        let upper = U16x8::upper_halves(x.map(U32x4::bits_of));
        let exponent = upper.and(self.f32_exponent).saturating_sub(self.smallest_exponent);
        // With 1.5 * 2^13 times its power of two added (2^-14 for smaller numbers), a number's last bit is the last that f16
        // has: the addition itself rounds.
        let rounders =
            exponent.plus(self.rounder).as_upper_halves(U16x8::zero()).map(U32x4::as_f32);
        let sums = [x[0] + rounders[0], x[1] + rounders[1]];
        let significands =
            [0, 1].map(|i| U32x4::bits_of(sums[i]).minus(U32x4::bits_of(rounders[i])));
        // A significand's leading one adds one to the exponent.
        let number = U16x8::narrow_signed(significands).abs().plus(exponent.shl::<3>());
        let halves = number.or(upper.and(self.sign));
        (halves, [sums[0] - rounders[0], sums[1] - rounders[1]], exponent)
    }

    #[inline(always)]
    fn failed(self, check: U16x8, _: F32x4) -> bool {
        // From 2^15 on: the largest of them round to infinity.
        check.gt(self.fast_exponent).any()
    }
}

impl F16 {
    /// The upper halves of normal numbers as f32.
    #[inline(always)]
    fn upper(self, halves: U16x8) -> U16x8 {
        halves.shr_signed::<3>().and(self.sign_and_digits).plus(self.rebias)
    }

    /// Everything as f32; a NaN is made quiet.
    #[inline(always)]
    fn widen_any(self, halves: U16x8) -> [F32x4; 2] {
        let exponent = halves.and(self.infinity);
        // In the upper half of a word: the exponent's bits and the sign.
        let subnormal = exponent.eq(U16x8::zero()).shl::<7>();
        let special = exponent.eq(self.infinity).and(self.f32_exponent);
        // A subnormal is its fraction of 2^-14: it gets that exponent, and the leading one that comes with it is subtracted.
        // (Multiplying by 2^112 would be shorter, but a subnormal operand costs a hundred cycles on many processors.)
        let upper = self.upper(halves).minus(subnormal).or(special);
        let numbers = upper.as_upper_halves(halves.shl::<13>());
        let ones = upper.and(subnormal).as_upper_halves(U16x8::zero());
        // -2^-14 minus itself would be 0, not -0.
        let signs = halves.and(self.sign).as_upper_halves(U16x8::zero());
        [0, 1].map(|i| U32x4::bits_of(numbers[i].as_f32() - ones[i].as_f32()).or(signs[i]).as_f32())
    }

    /// Magnitudes of normal numbers as f32.
    #[inline(always)]
    fn normal(self, magnitude: U16x8) -> [U32x4; 2] {
        magnitude.shr::<3>().plus(self.rebias).as_upper_halves(magnitude.shl::<13>())
    }

    /// Finite magnitudes as f32.
    #[inline(always)]
    fn number(self, magnitude: U16x8) -> [U32x4; 2] {
        self.normal(magnitude).map(|normal| {
            // Right for a subnormal, as in `widen_any`, and too large for a normal number: the smaller of both is the number.
            let next = normal.plus(self.subnormal_end).as_f32() - self.smallest_normal.as_f32();
            normal.min(U32x4::bits_of(next))
        })
    }

    /// A magnitude up to 2^16 as an element, in the lower half of a word.
    #[inline(always)]
    fn round_magnitude(self, magnitude: U32x4) -> U32x4 {
        // As in `round`.
        let exponent = magnitude.and(self.f32_infinity).max(self.smallest_normal);
        let added = exponent.plus(self.dropped_bits);
        let significand = U32x4::bits_of(magnitude.as_f32() + added.as_f32()).minus(added);
        exponent.minus(self.smallest_normal).shr::<13>().plus(significand)
    }
}

/// The first four of `F16::widen`. Not inlined, so that the rare case does not force the common one to keep its values in
/// memory.
#[cold]
#[inline(never)]
fn widen_low(halves: U16x8) -> F32x4 {
    F16::new().widen(halves)[0]
}

/// The last four.
#[cold]
#[inline(never)]
fn widen_high(halves: U16x8) -> F32x4 {
    F16::new().widen(halves)[1]
}

#[inline(always)]
fn largest_of<const N: usize>(numbers: [U16x8; N]) -> U16x8 {
    let mut largest = numbers[0];
    for &each in &numbers[1..] {
        largest = largest.max(each);
    }
    largest
}
