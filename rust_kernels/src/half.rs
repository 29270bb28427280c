//! Elements stored in 16 bits: f16 (IEEE 754 half: 5 bits of exponent, 10 of fraction) and bf16 (the upper half of an f32).
//!
//! Widening is exact, and keeps the payload of a NaN. Narrowing rounds to the nearest, ties to even, beyond the largest to
//! infinity; a NaN stays one, made quiet. Integer arithmetic on lanes, without branches (after F. Giesen's public domain
//! half_to_float_fast4 and float_to_half_fast3_rtne).

use crate::bits::{HALF_LANES, Words};
use crate::simd::{F32x4, LANES};

/// How an element is stored in 16 bits.
pub trait Format {
    /// Four elements, each in the lower half of a word, as f32.
    fn widen(halves: Words) -> F32x4;
    /// Four f32 as elements, each in the lower half of a word.
    fn narrow(x: F32x4) -> Words;
}

pub struct F16;
pub struct Bf16;

impl Format for F16 {
    #[inline(always)]
    fn widen(halves: Words) -> F32x4 {
        let magnitude = halves.and(Words::splat(0x7fff)).up::<13>();
        let sign = halves.and(Words::splat(0x8000)).up::<16>();
        // Infinity and NaN: the exponent of f32 is all ones too.
        let special = magnitude.above(Words::splat((0x7c00 << 13) - 1)).and(Words::splat(REBIAS));
        // A subnormal is a fraction of 2^-14: put it under that power's own leading one, and take the one away. (To multiply
        // it by 2^112 would be shorter, but subnormal operands cost a hundred cycles each.)
        let is_subnormal = Words::splat(1 << 23).above(magnitude);
        let leading = is_subnormal.and(Words::splat(SMALLEST_NORMAL));
        let rebias = Words::splat(REBIAS).plus(is_subnormal.and(Words::splat(1 << 23)));
        let number = magnitude.plus(rebias).as_f32() - leading.as_f32();
        Words::of(number).plus(special).or(sign).as_f32()
    }

    #[inline(always)]
    fn narrow(x: F32x4) -> Words {
        let bits = Words::of(x);
        let magnitude = bits.and(Words::splat(0x7fff_ffff));
        let sign = bits.down::<16>().and(Words::splat(0x8000));
        // From 2^16 on all is infinity.
        let held = magnitude.min(Words::splat(TOO_LARGE));
        // With 2^13 times the power of two below it added, a number's last bit is the last that f16 keeps, and the addition
        // itself rounds; below 2^-14 as if that were the power of two.
        let exponent = held.and(Words::splat(0x7f80_0000)).max(Words::splat(SMALLEST_NORMAL));
        let added = exponent.plus(Words::splat(13 << 23));
        let significand = Words::of(held.as_f32() + added.as_f32()).minus(added);
        let number = exponent.minus(Words::splat(SMALLEST_NORMAL)).down::<13>().plus(significand);
        // A NaN was held to infinity's bits: what makes it a NaN is its fraction.
        let fraction = magnitude.down::<13>().and(Words::splat(0x3ff)).or(Words::splat(0x200));
        number.or(is_nan(magnitude).and(fraction)).or(sign)
    }
}

impl Format for Bf16 {
    #[inline(always)]
    fn widen(halves: Words) -> F32x4 {
        halves.up::<16>().as_f32()
    }

    #[inline(always)]
    fn narrow(x: F32x4) -> Words {
        let bits = Words::of(x);
        let odd = bits.down::<16>().and(Words::splat(1));
        let rounded = bits.plus(Words::splat(0x7fff)).plus(odd);
        // Rounding could carry a NaN over into zero: it is made quiet instead.
        let quiet = bits.or(Words::splat(0x0040_0000));
        is_nan(bits.and(Words::splat(0x7fff_ffff))).select(quiet, rounded).down::<16>()
    }
}

/// The 16-bit formats by value, for calls that learn theirs at run time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    F16,
    Bf16,
}

/// out[i] = x[i], widened. The slices have one length.
pub fn widen_run(from: Half, x: &[u16], out: &mut [f32]) {
    match from {
        Half::F16 => widen_all::<F16>(x, out),
        Half::Bf16 => widen_all::<Bf16>(x, out),
    }
}

/// out[i] = x[i], rounded. The slices have one length.
pub fn narrow_run(to: Half, x: &[f32], out: &mut [u16]) {
    match to {
        Half::F16 => narrow_all::<F16>(x, out),
        Half::Bf16 => narrow_all::<Bf16>(x, out),
    }
}

fn widen_all<F: Format>(x: &[u16], out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let widen = |x: &[u16], out: &mut [f32], at: usize| {
        // SAFETY: the callers below see to at + 8 <= len, and both slices are that long.
        unsafe {
            let [low, high] = Words::load_halves(x, at);
            F::widen(low).store(out, at);
            F::widen(high).store(out, at + LANES);
        }
    };
    for at in (0..whole).step_by(HALF_LANES) {
        widen(x, out, at);
    }
    let (mut last, mut widened) = ([0; HALF_LANES], [0.0; HALF_LANES]);
    let rest = x.len() - whole;
    last[..rest].copy_from_slice(&x[whole..]);
    widen(&last, &mut widened, 0);
    out[whole..].copy_from_slice(&widened[..rest]);
}

fn narrow_all<F: Format>(x: &[f32], out: &mut [u16]) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let narrow = |x: &[f32], out: &mut [u16], at: usize| {
        // SAFETY: the callers below see to at + 8 <= len, and both slices are that long.
        unsafe {
            let low = F::narrow(F32x4::load(x, at));
            let high = F::narrow(F32x4::load(x, at + LANES));
            Words::store_halves([low, high], out, at);
        }
    };
    for at in (0..whole).step_by(HALF_LANES) {
        narrow(x, out, at);
    }
    let (mut last, mut narrowed) = ([0.0; HALF_LANES], [0; HALF_LANES]);
    let rest = x.len() - whole;
    last[..rest].copy_from_slice(&x[whole..]);
    narrow(&last, &mut narrowed, 0);
    out[whole..].copy_from_slice(&narrowed[..rest]);
}

#[inline(always)]
fn is_nan(magnitude: Words) -> Words {
    magnitude.above(Words::splat(0x7f80_0000))
}

/// What an f16's exponent lacks to an f32's.
const REBIAS: u32 = (127 - 15) << 23;
/// 2^-14, the smallest normal f16, as f32.
const SMALLEST_NORMAL: u32 = (127 - 14) << 23;
/// 2^16, as f32: narrowing it gives infinity's bits.
const TOO_LARGE: u32 = (127 + 16) << 23;

#[cfg(test)]
mod tests {
    use super::*;

    /// All halves, and how the `half` crate and this one see them.
    fn judge_widening(format: Half, widen: impl Fn(u16) -> f32) {
        let halves: Vec<u16> = (0..=u16::MAX).collect();
        let mut got = vec![0.0; halves.len()];
        widen_run(format, &halves, &mut got);
        for (half, got) in halves.into_iter().zip(got) {
            let want = widen(half);
            assert!(want.to_bits() == got.to_bits() || want.is_nan() && got.is_nan(), "{half:#x}");
        }
    }

    /// Every half's value, all that lies halfway to the next, and their neighbours in f32.
    fn judge_narrowing(format: Half, widen: impl Fn(u16) -> f32, narrow: impl Fn(f32) -> u16) {
        let mut values = vec![];
        for half in 0..=u16::MAX {
            let bits = widen(half).to_bits();
            // Halfway in either format, subnormal f16 too, is one of these steps beyond.
            for step in (0..24).map(|i| 1_u32 << i).chain([0]) {
                for offset in [step.wrapping_sub(1), step, step + 1] {
                    values.push(f32::from_bits(bits.wrapping_add(offset)));
                }
            }
        }
        let mut got = vec![0; values.len()];
        narrow_run(format, &values, &mut got);
        for (value, got) in values.into_iter().zip(got) {
            assert_eq!(narrow(value), got, "{value:?} = {:#x}", value.to_bits());
        }
    }

    #[test]
    fn widening_gives_what_the_half_crate_gives_for_every_half() {
        judge_widening(Half::F16, |bits| half::f16::from_bits(bits).to_f32());
        judge_widening(Half::Bf16, |bits| half::bf16::from_bits(bits).to_f32());
    }

    #[test]
    fn narrowing_gives_the_half_crates_bits_around_every_half_and_every_tie() {
        let f16 = |bits| half::f16::from_bits(bits).to_f32();
        judge_narrowing(Half::F16, f16, |x| half::f16::from_f32(x).to_bits());
        let bf16 = |bits| half::bf16::from_bits(bits).to_f32();
        judge_narrowing(Half::Bf16, bf16, |x| half::bf16::from_f32(x).to_bits());
    }

    #[test]
    fn widening_keeps_a_nans_payload() {
        let mut out = [0.0; 2];
        widen_run(Half::F16, &[0x7c01, 0xfe55], &mut out);
        assert_eq!(out.map(f32::to_bits), [0x7f80_2000, 0xffca_a000]);
        widen_run(Half::Bf16, &[0x7f81, 0xffd5], &mut out);
        assert_eq!(out.map(f32::to_bits), [0x7f81_0000, 0xffd5_0000]);
    }

    #[test]
    fn runs_of_every_length_stop_where_they_should() {
        for len in 0..40 {
            let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
            for format in [Half::F16, Half::Bf16] {
                let (mut halves, mut back) = (vec![0; len], vec![0.0; len]);
                narrow_run(format, &x, &mut halves);
                widen_run(format, &halves, &mut back);
                assert_eq!(x, back);
            }
        }
    }
}
