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
    /// `widen` of eight; shorter where all are ordinary numbers.
    #[inline(always)]
    fn widen_pair([low, high]: [Words; 2]) -> [F32x4; 2] {
        [Self::widen(low), Self::widen(high)]
    }
    /// `narrow` of eight, and what that widens to again; shorter where all are ordinary numbers.
    fn round_pair(pair: [F32x4; 2]) -> ([Words; 2], [F32x4; 2]);
}

pub struct F16;
pub struct Bf16;

impl Format for F16 {
    #[inline(always)]
    fn widen(halves: Words) -> F32x4 {
        let magnitude = halves.and(Words::splat(0x7fff)).up::<13>();
        let sign = halves.and(Words::splat(0x8000)).up::<16>();
        let normal = magnitude.plus(Words::splat(REBIAS));
        // Infinity and NaN: the exponent of f32 is all ones too.
        let special = normal.plus(Words::splat(REBIAS));
        // A subnormal is a fraction of 2^-14: put it under that power's own leading one, and take the one away. (To multiply
        // it by 2^112 would be shorter, but subnormal operands cost a hundred cycles each.)
        let one = Words::splat(SMALLEST_NORMAL);
        let subnormal = Words::of(magnitude.plus(one).as_f32() - one.as_f32());
        let finite = Words::splat(1 << 23).above(magnitude).select(subnormal, normal);
        let is_special = magnitude.above(Words::splat((0x7c00 << 13) - 1));
        is_special.select(special, finite).or(sign).as_f32()
    }

    #[inline(always)]
    fn narrow(x: F32x4) -> Words {
        let bits = Words::of(x);
        let magnitude = bits.and(Words::splat(0x7fff_ffff));
        let sign = bits.down::<16>().and(Words::splat(0x8000));
        // From 2^16 on all is infinity. The bits to drop are rounded by a carry, which may go up to the exponent.
        let held = magnitude.min(Words::splat(TOO_LARGE));
        let odd = held.down::<13>().and(Words::splat(1));
        let normal = held.minus(Words::splat(REBIAS - 0xfff)).plus(odd).down::<13>();
        // One half added puts a subnormal's bits at the lower end of the sum, rounded by the addition itself.
        let half = Words::splat(ONE_HALF);
        let subnormal = Words::of(held.as_f32() + half.as_f32()).minus(half);
        let number = Words::splat(SMALLEST_NORMAL).above(magnitude).select(subnormal, normal);
        // A NaN was held to infinity's bits: what makes it a NaN is its fraction.
        let fraction = magnitude.down::<13>().and(Words::splat(0x3ff)).or(Words::splat(0x200));
        number.or(is_nan(magnitude).and(fraction)).or(sign)
    }

    #[inline(always)]
    fn widen_pair([low, high]: [Words; 2]) -> [F32x4; 2] {
        // Exponents of 0 and of all ones are those that need more: they are 1 and 0 (of 32) after 1 is added, in place.
        let next = |halves: Words| halves.plus(Words::splat(0x400)).and(Words::splat(0x7c00));
        if Words::splat(0x401).above(next(low).min(next(high))).any() {
            return [Self::widen(low), Self::widen(high)];
        }
        [low, high].map(|halves| {
            let moved = halves.up::<16>().signed_down_3().and(Words::splat(0x8fff_e000));
            moved.plus(Words::splat(REBIAS)).as_f32()
        })
    }

    #[inline(always)]
    fn round_pair([low, high]: [F32x4; 2]) -> ([Words; 2], [F32x4; 2]) {
        let magnitude = |x: F32x4| Words::of(x).and(Words::splat(0x7fff_ffff));
        let (a, b) = (magnitude(low), magnitude(high));
        let too_small = Words::splat(SMALLEST_NORMAL).above(a.min(b));
        if too_small.or(a.max(b).above(Words::splat(LARGEST))).any() {
            let narrowed = [Self::narrow(low), Self::narrow(high)];
            return (narrowed, narrowed.map(Self::widen));
        }
        // The sign is in no carry's way.
        let rounded = [low, high].map(|x| {
            let bits = Words::of(x);
            let odd = bits.down::<13>().and(Words::splat(1));
            bits.plus(odd).plus(Words::splat(0xfff)).and(Words::splat(0xffff_e000))
        });
        let narrowed = rounded.map(|bits| {
            let sign = bits.down::<16>().and(Words::splat(0x8000));
            bits.minus(Words::splat(REBIAS)).down::<13>().and(Words::splat(0x7fff)).or(sign)
        });
        (narrowed, rounded.map(Words::as_f32))
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

    #[inline(always)]
    fn round_pair([low, high]: [F32x4; 2]) -> ([Words; 2], [F32x4; 2]) {
        // Infinities of two signs go the longer way too, unharmed.
        if (low + high).has_nan() {
            let narrowed = [Self::narrow(low), Self::narrow(high)];
            return (narrowed, narrowed.map(Self::widen));
        }
        let narrowed = [low, high].map(|x| {
            let bits = Words::of(x);
            let odd = bits.down::<16>().and(Words::splat(1));
            bits.plus(Words::splat(0x7fff)).plus(odd).down::<16>()
        });
        (narrowed, narrowed.map(Self::widen))
    }
}

/// The 16-bit formats by value, for calls that learn theirs at run time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    F16,
    Bf16,
}

/// out[i] = x[i], widened. The slices have one length.
#[inline(never)]
pub fn widen_run(from: Half, x: &[u16], out: &mut [f32]) {
    match from {
        Half::F16 => widen_all::<F16>(x, out),
        Half::Bf16 => widen_all::<Bf16>(x, out),
    }
}

/// out[i] = x[i], rounded. The slices have one length.
#[inline(never)]
pub fn narrow_run(to: Half, x: &[f32], out: &mut [u16]) {
    match to {
        Half::F16 => narrow_all::<F16>(x, out),
        Half::Bf16 => narrow_all::<Bf16>(x, out),
    }
}

/// out[i] = x[i], rounded; returns the sum of the squares of what that is. The slices have one length.
#[inline(never)]
pub fn round_run(to: Half, x: &[f32], out: &mut [u16]) -> f32 {
    match to {
        Half::F16 => round_all(x, out, |pair, _| F16::round_pair(pair)),
        Half::Bf16 => round_all(x, out, |pair, _| Bf16::round_pair(pair)),
    }
}

// In each of these the last elements go through the loop in a second turn, in arrays of eight: with one place where eight
// are converted the compiler puts the conversion there, and calls nothing.

fn widen_all<F: Format>(x: &[u16], out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let (mut last, mut widened) = ([0; HALF_LANES], [0.0; HALF_LANES]);
    let rest = x.len() - whole;
    last[..rest].copy_from_slice(&x[whole..]);
    for (x, out) in [(&x[..whole], &mut out[..whole]), (&last, &mut widened[..])] {
        for at in (0..x.len()).step_by(HALF_LANES) {
            // SAFETY: both slices have one length, a multiple of 8.
            unsafe {
                let [low, high] = F::widen_pair(Words::load_halves(x, at));
                low.store(out, at);
                high.store(out, at + LANES);
            }
        }
    }
    out[whole..].copy_from_slice(&widened[..rest]);
}

fn narrow_all<F: Format>(x: &[f32], out: &mut [u16]) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let (mut last, mut narrowed) = ([0.0; HALF_LANES], [0; HALF_LANES]);
    let rest = x.len() - whole;
    last[..rest].copy_from_slice(&x[whole..]);
    for (x, out) in [(&x[..whole], &mut out[..whole]), (&last, &mut narrowed[..])] {
        for at in (0..x.len()).step_by(HALF_LANES) {
            // SAFETY: both slices have one length, a multiple of 8.
            unsafe {
                let pair = [F32x4::load(x, at), F32x4::load(x, at + LANES)];
                Words::store_halves(F::round_pair(pair).0, out, at);
            }
        }
    }
    out[whole..].copy_from_slice(&narrowed[..rest]);
}

/// `round_run` by `round`, which gets eight elements and the place of the first.
#[inline(always)]
pub fn round_all(
    x: &[f32],
    out: &mut [u16],
    round: impl Fn([F32x4; 2], usize) -> ([Words; 2], [F32x4; 2]),
) -> f32 {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let (mut last, mut narrowed) = ([0.0; HALF_LANES], [0; HALF_LANES]);
    let rest = x.len() - whole;
    last[..rest].copy_from_slice(&x[whole..]);
    let mut sums = [F32x4::splat(0.0); 2];
    let padded = if rest == 0 { 0 } else { HALF_LANES };
    let turns =
        [(&x[..whole], &mut out[..whole], 0), (&last[..padded], &mut narrowed[..padded], whole)];
    for (x, out, place) in turns {
        for at in (0..x.len()).step_by(HALF_LANES) {
            // SAFETY: both slices have one length, a multiple of 8.
            unsafe {
                let pair = [F32x4::load(x, at), F32x4::load(x, at + LANES)];
                let (halves, [low, high]) = round(pair, place + at);
                Words::store_halves(halves, out, at);
                sums[0] += low * low;
                sums[1] += high * high;
            }
        }
    }
    out[whole..].copy_from_slice(&narrowed[..rest]);
    (sums[0] + sums[1]).sum()
}

#[inline(always)]
fn is_nan(magnitude: Words) -> Words {
    magnitude.above(Words::splat(0x7f80_0000))
}

/// What an f16's exponent lacks to an f32's.
const REBIAS: u32 = (127 - 15) << 23;
/// 2^-14, the smallest normal f16, as f32.
const SMALLEST_NORMAL: u32 = (127 - 14) << 23;
/// 65504, the largest f16, as f32.
const LARGEST: u32 = 0x477f_e000;
/// 2^16, as f32: narrowing it gives infinity's bits.
const TOO_LARGE: u32 = (127 + 16) << 23;
const ONE_HALF: u32 = (127 - 1) << 23;

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
            for step in (0..24).map(|i| 1u32 << i).chain([0]) {
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
