//! Rounding f32 to 16 bits up or down at random, so that the mean over all random bits is the number itself:
//!
//!   random bits   r = hash(index ^ key), index the low 32 bits of the element's index in the whole parameter
//!   bf16, f16     add r's low 16 (13) bits to the bits of the f32, and cut off as many: with a fraction x of a unit to
//!                 cut, a carry comes for a share x of all r
//!   f16 < 2^-14   are multiples of 2^-24: floor(2^24 |x|), and one more where 2^16 of the fraction is above r's low 16 bits
//!
//! A finite number never becomes infinite; a subnormal f32 counts as 0 for f16. The hash is Chris Wellon's "lowbias32".

use crate::bits::Words;
use crate::half::{Bf16, F16, Format, Half, round_all};
use crate::simd::F32x4;

/// out[i] = x[i], rounded with the random bits of index `first` + i; returns the sum of the
/// squares of what that is. The slices have one length.
#[inline(never)]
pub fn round_stochastic(to: Half, x: &[f32], (first, key): (u32, u32), out: &mut [u16]) -> f32 {
    match to {
        Half::F16 => round_by::<F16>(x, (first, key), out),
        Half::Bf16 => round_by::<Bf16>(x, (first, key), out),
    }
}

trait Stochastic: Format {
    /// The magnitude of a finite number as an element's.
    fn round(magnitude: Words, random: Words) -> Words;
}

impl Stochastic for Bf16 {
    #[inline(always)]
    fn round(magnitude: Words, random: Words) -> Words {
        magnitude.plus(random.and(Words::splat(0xffff))).down::<16>().min(Words::splat(0x7f7f))
    }
}

impl Stochastic for F16 {
    #[inline(always)]
    fn round(magnitude: Words, random: Words) -> Words {
        let normal = magnitude.plus(random.and(Words::splat(0x1fff)));
        let normal = normal.minus(Words::splat(REBIAS)).down::<13>().min(Words::splat(0x7bff));
        // Numbers below 2^23 as f32 and back: 2^23's bits with them in the fraction.
        let magic = Words::splat(TWO_TO_23);
        let random = random.and(Words::splat(0xffff)).or(magic).as_f32() - magic.as_f32();
        let is_number = magnitude.above(Words::splat(0x007f_ffff));
        let scaled = magnitude.and(is_number).as_f32() * F32x4::splat((1u32 << 24) as f32);
        let floor = scaled.floor();
        let threshold = (scaled - floor) * F32x4::splat(65536.0);
        let rounded = random.where_ge(threshold, floor, floor + F32x4::splat(1.0));
        let subnormal = Words::of(rounded + magic.as_f32()).minus(magic);
        Words::splat(SMALLEST_NORMAL).above(magnitude).select(subnormal, normal)
    }
}

fn round_by<F: Stochastic>(x: &[f32], (first, key): (u32, u32), out: &mut [u16]) -> f32 {
    let lanes = [Words::from_lanes([0, 1, 2, 3]), Words::from_lanes([4, 5, 6, 7])];
    round_all(x, out, |[low, high], at| {
        let index = Words::splat(first.wrapping_add(at as u32));
        let narrowed = [(low, lanes[0]), (high, lanes[1])]
            .map(|(x, lanes)| narrow_words::<F>(x, index.plus(lanes), key));
        (narrowed, F::widen_pair(narrowed))
    })
}

#[inline(always)]
fn narrow_words<F: Stochastic>(x: F32x4, index: Words, key: u32) -> Words {
    let bits = Words::of(x);
    let magnitude = bits.and(Words::splat(0x7fff_ffff));
    let sign = bits.down::<16>().and(Words::splat(0x8000));
    let rounded = F::round(magnitude, hash(index.xor(Words::splat(key)))).or(sign);
    magnitude.above(Words::splat(0x7f7f_ffff)).select(F::narrow(x), rounded)
}

#[inline(always)]
fn hash(x: Words) -> Words {
    let x = x.xor(x.down::<16>()).times(Words::splat(0x7feb_352d));
    let x = x.xor(x.down::<15>()).times(Words::splat(0x846c_a68b));
    x.xor(x.down::<16>())
}

/// What an f16's exponent lacks to an f32's.
const REBIAS: u32 = (127 - 15) << 23;
/// 2^-14, the smallest normal f16, as f32.
const SMALLEST_NORMAL: u32 = (127 - 14) << 23;
/// 2^23 as f32, whose fraction counts by ones.
const TWO_TO_23: u32 = (127 + 23) << 23;
