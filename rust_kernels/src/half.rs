//! Elements stored in 16 bits: f16 (IEEE 754 half: 5 bits of exponent, 10 of fraction) and bf16 (the upper half of an f32).
//!
//! Widening is exact, and keeps the payload of a NaN. Narrowing rounds to the nearest, ties to even, beyond the largest to
//! infinity; a NaN stays one, made quiet. Integer arithmetic on lanes, without branches (after F. Giesen's public domain
//! half_to_float_fast4 and float_to_half_fast3_rtne).

use crate::bits::{HALF_LANES, Words};
use crate::simd::{F32x4, LANES};

/// How an element is stored in 16 bits; a value has the constants that conversions need.
pub trait Format: Copy {
    /// `constant` gives a number in all lanes: `Words::keep` for a loop, else `Words::splat`.
    fn new(constant: impl Fn(u32) -> Words) -> Self;
    /// Four elements, each in the lower half of a word, as f32.
    fn widen(self, halves: Words) -> F32x4;
    /// Four f32 as elements, each in the lower half of a word.
    fn narrow(self, x: F32x4) -> Words;
}

#[derive(Clone, Copy)]
pub struct F16 {
    magnitude: Words,
    sign: Words,
    largest: Words,
    subnormal_end: Words,
    smallest_normal: Words,
    rebias: Words,
    f32_magnitude: Words,
    infinity: Words,
    too_large: Words,
    dropped_bits: Words,
    fraction: Words,
    quiet: Words,
}

impl Format for F16 {
    #[inline(always)]
    fn new(constant: impl Fn(u32) -> Words) -> Self {
        Self {
            magnitude: constant(0x7fff),
            sign: constant(0x8000),
            largest: constant((0x7c00 << 13) - 1),
            subnormal_end: constant(1 << 23),
            // 2^-14, as f32.
            smallest_normal: constant((127 - 14) << 23),
            // What an f16's exponent lacks to an f32's.
            rebias: constant((127 - 15) << 23),
            f32_magnitude: constant(F32_MAGNITUDE),
            infinity: constant(F32_INFINITY),
            // 2^16, as f32: from there on all is infinity.
            too_large: constant((127 + 16) << 23),
            dropped_bits: constant(13 << 23),
            fraction: constant(0x3ff),
            quiet: constant(0x200),
        }
    }

    #[inline(always)]
    fn widen(self, halves: Words) -> F32x4 {
        let magnitude = halves.and(self.magnitude).up::<13>();
        let sign = halves.and(self.sign).up::<16>();
        // Infinity and NaN: the exponent of f32 is all ones too.
        let special = magnitude.above(self.largest).and(self.rebias);
        // A subnormal is a fraction of 2^-14: put it under that power's own leading one, and take the one away. (To multiply
        // it by 2^112 would be shorter, but subnormal operands cost a hundred cycles each.)
        let is_subnormal = self.subnormal_end.above(magnitude);
        let leading = is_subnormal.and(self.smallest_normal);
        let rebias = self.rebias.plus(is_subnormal.and(self.subnormal_end));
        let number = magnitude.plus(rebias).as_f32() - leading.as_f32();
        Words::of(number).plus(special).or(sign).as_f32()
    }

    #[inline(always)]
    fn narrow(self, x: F32x4) -> Words {
        let bits = Words::of(x);
        let magnitude = bits.and(self.f32_magnitude);
        let sign = bits.down::<16>().and(self.sign);
        let held = magnitude.min(self.too_large);
        // With 2^13 times the power of two below it added, a number's last bit is the last that f16 keeps, and the addition
        // itself rounds; below 2^-14 as if that were the power of two.
        let exponent = held.and(self.infinity).max(self.smallest_normal);
        let added = exponent.plus(self.dropped_bits);
        let significand = Words::of(held.as_f32() + added.as_f32()).minus(added);
        let number = exponent.minus(self.smallest_normal).down::<13>().plus(significand);
        // A NaN was held to infinity's bits: what makes it a NaN is its fraction.
        let fraction = magnitude.down::<13>().and(self.fraction).or(self.quiet);
        number.or(magnitude.above(self.infinity).and(fraction)).or(sign)
    }
}

#[derive(Clone, Copy)]
pub struct Bf16 {
    one: Words,
    below_half: Words,
    f32_magnitude: Words,
    infinity: Words,
    quiet: Words,
}

impl Format for Bf16 {
    #[inline(always)]
    fn new(constant: impl Fn(u32) -> Words) -> Self {
        Self {
            one: constant(1),
            below_half: constant(0x7fff),
            f32_magnitude: constant(F32_MAGNITUDE),
            infinity: constant(F32_INFINITY),
            quiet: constant(0x0040_0000),
        }
    }

    #[inline(always)]
    fn widen(self, halves: Words) -> F32x4 {
        halves.up::<16>().as_f32()
    }

    #[inline(always)]
    fn narrow(self, x: F32x4) -> Words {
        let bits = Words::of(x);
        let odd = bits.down::<16>().and(self.one);
        let rounded = bits.plus(self.below_half).plus(odd);
        // Rounding could carry a NaN over into zero: it is made quiet instead.
        let is_nan = bits.and(self.f32_magnitude).above(self.infinity);
        is_nan.select(bits.or(self.quiet), rounded).down::<16>()
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

/// out[i] = x[i], rounded, and x[i] becomes what that is. The slices have one length.
pub fn round_run(to: Half, x: &mut [f32], out: &mut [u16]) {
    match to {
        Half::F16 => round_nearest::<F16>(x, out),
        Half::Bf16 => round_nearest::<Bf16>(x, out),
    }
}

fn round_nearest<F: Format>(x: &mut [f32], out: &mut [u16]) {
    let format = F::new(Words::keep);
    round_all::<F>(x, out, |pair, _| pair.map(|x| format.narrow(x)));
}

/// `round_run` by `narrow`, which gets eight elements and the place of the first.
#[inline(always)]
pub fn round_all<F: Format>(
    x: &mut [f32],
    out: &mut [u16],
    narrow: impl Fn([F32x4; 2], usize) -> [Words; 2],
) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let format = F::new(Words::keep);
    let round = |x: &mut [f32], out: &mut [u16], at: usize, place: usize| {
        // SAFETY: the callers below see to at + 8 <= len, and both slices are that long.
        unsafe {
            let narrowed = narrow([F32x4::load(x, at), F32x4::load(x, at + LANES)], place);
            Words::store_halves(narrowed, out, at);
            let [low, high] = narrowed.map(|halves| format.widen(halves));
            low.store(x, at);
            high.store(x, at + LANES);
        }
    };
    for at in (0..whole).step_by(HALF_LANES) {
        round(x, out, at, at);
    }
    let (mut last, mut narrowed) = ([0.0; HALF_LANES], [0; HALF_LANES]);
    let rest = x.len() - whole;
    last[..rest].copy_from_slice(&x[whole..]);
    round(&mut last, &mut narrowed, 0, whole);
    out[whole..].copy_from_slice(&narrowed[..rest]);
    x[whole..].copy_from_slice(&last[..rest]);
}

fn widen_all<F: Format>(x: &[u16], out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let format = F::new(Words::keep);
    let widen = |x: &[u16], out: &mut [f32], at: usize| {
        // SAFETY: the callers below see to at + 8 <= len, and both slices are that long.
        unsafe {
            let [low, high] = Words::load_halves(x, at);
            format.widen(low).store(out, at);
            format.widen(high).store(out, at + LANES);
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
    let format = F::new(Words::keep);
    let narrow = |x: &[f32], out: &mut [u16], at: usize| {
        // SAFETY: the callers below see to at + 8 <= len, and both slices are that long.
        unsafe {
            let low = format.narrow(F32x4::load(x, at));
            let high = format.narrow(F32x4::load(x, at + LANES));
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

const F32_MAGNITUDE: u32 = 0x7fff_ffff;
const F32_INFINITY: u32 = 0x7f80_0000;

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
