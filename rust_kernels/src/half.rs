//! Elements stored in 16 bits: f16 (IEEE 754 half: 5 bits of exponent, 10 of fraction) and bf16 (the upper half of an f32).
//!
//! Widening is exact, and keeps the payload of a NaN. Narrowing rounds to the nearest, ties to even, beyond the largest to
//! infinity; a NaN stays one, made quiet. Arithmetic on lanes, without branches (after F. Giesen's public domain
//! half_to_float_fast4 and float_to_half_fast3_rtne).

use crate::bits::{HALF_LANES, Halves, Words};
use crate::simd::{F32x4, LANES};

/// How an element is stored in 16 bits; a value has the constants that conversions in a loop need.
pub trait Format: Copy {
    fn new() -> Self;
    fn widen(self, halves: Halves) -> [F32x4; 2];
    /// As `widen`, of finite elements, and perhaps without their signs.
    fn widen_magnitudes(self, halves: Halves) -> [F32x4; 2];
    /// Whether `widen_magnitudes` cannot be had of any of these.
    fn any_unbounded<const N: usize>(self, halves: [Halves; N]) -> bool;
    fn narrow(self, x: [F32x4; 2]) -> Halves {
        Halves::of(x.map(|x| self.narrow_words(x)))
    }
    /// Four f32 as elements, each in the lower half of a word.
    fn narrow_words(self, x: F32x4) -> Words;
    /// As `narrow`, and the numbers that come of it, perhaps without their signs: in fewer instructions, but right only where
    /// no bit of `unfit` gets set.
    fn round(self, x: [F32x4; 2], unfit: &mut Words) -> (Halves, [F32x4; 2]);
}

#[derive(Clone, Copy)]
pub struct F16 {
    magnitude: Halves,
    largest: Halves,
    rebias: Halves,
    infinity: Halves,
    subnormal_end: Words,
    smallest_normal: Words,
    sign: Words,
    f32_magnitude: Words,
    f32_infinity: Words,
    too_large: Words,
    largest_rounded: Words,
    dropped_bits: Words,
    fraction: Words,
    quiet: Words,
}

impl Format for F16 {
    #[inline(always)]
    fn new() -> Self {
        Self {
            magnitude: Halves::keep(0x7fff),
            largest: Halves::keep(0x7bff),
            // What an f16's exponent lacks to an f32's, in the upper half of a word.
            rebias: Halves::keep((127 - 15) << 7),
            infinity: Halves::keep(0x7f80),
            subnormal_end: Words::keep(1 << 23),
            // 2^-14, as f32.
            smallest_normal: Words::keep((127 - 14) << 23),
            sign: Words::keep(0x8000),
            f32_magnitude: Words::keep(F32_MAGNITUDE),
            f32_infinity: Words::keep(F32_INFINITY),
            // 2^16, as f32: from there on all is infinity.
            too_large: Words::keep((127 + 16) << 23),
            // 65520, from where on numbers are rounded to infinity, less the last bit.
            largest_rounded: Words::keep(0x477f_efff),
            dropped_bits: Words::keep(13 << 23),
            fraction: Words::keep(0x3ff),
            quiet: Words::keep(0x200),
        }
    }

    #[inline(always)]
    fn widen(self, halves: Halves) -> [F32x4; 2] {
        let magnitude = halves.and(self.magnitude);
        let sign = halves.xor(magnitude);
        // Infinity and NaN: the exponent of f32 is all ones too.
        let special = sign.or(magnitude.above(self.largest).and(self.infinity));
        let [low, high] = special.above_low(Halves::zero());
        let [number_low, number_high] = self.number(magnitude);
        [number_low.or(low).as_f32(), number_high.or(high).as_f32()]
    }

    #[inline(always)]
    fn widen_magnitudes(self, halves: Halves) -> [F32x4; 2] {
        self.number(halves.and(self.magnitude)).map(Words::as_f32)
    }

    #[inline(always)]
    fn any_unbounded<const N: usize>(self, halves: [Halves; N]) -> bool {
        let magnitudes = halves.map(|halves| halves.and(self.magnitude));
        magnitudes.into_iter().fold(Halves::zero(), Halves::max).above(self.largest).any()
    }

    #[inline(always)]
    fn narrow_words(self, x: F32x4) -> Words {
        let bits = Words::of(x);
        let magnitude = bits.and(self.f32_magnitude);
        let sign = bits.down::<16>().and(self.sign);
        let (number, _) = self.round_magnitude(magnitude.min(self.too_large));
        // A NaN was held to infinity's bits: what makes it a NaN is its fraction.
        let fraction = magnitude.down::<13>().and(self.fraction).or(self.quiet);
        number.or(magnitude.above(self.f32_infinity).and(fraction)).or(sign)
    }

    #[inline(always)]
    fn round(self, x: [F32x4; 2], unfit: &mut Words) -> (Halves, [F32x4; 2]) {
        let [low, high] = x.map(|x| {
            let bits = Words::of(x);
            let magnitude = bits.and(self.f32_magnitude);
            let sign = bits.xor(magnitude);
            *unfit = unfit.or(magnitude.above(self.largest_rounded));
            let (number, rounded) = self.round_magnitude(magnitude);
            (number.or(sign.down::<16>()), rounded)
        });
        (Halves::of([low.0, high.0]), [low.1, high.1])
    }
}

impl F16 {
    /// Finite magnitudes as f32.
    #[inline(always)]
    fn number(self, magnitude: Halves) -> [Words; 2] {
        let normal = magnitude.down::<3>().plus(self.rebias).above_low(magnitude.up::<13>());
        normal.map(|normal| {
            // A subnormal is a fraction of 2^-14: with the exponent of that power, and the power's own leading one taken
            // away, it is right; a normal number is then too large, by itself less 2^-14. The smaller of both is the number.
            // (To multiply by 2^112 would be shorter, but subnormal operands cost a hundred cycles each.)
            let next = normal.plus(self.subnormal_end).as_f32() - self.smallest_normal.as_f32();
            normal.min(Words::of(next))
        })
    }

    /// A magnitude up to 2^16 as an element, in the lower half of a word, and as the number that this is.
    #[inline(always)]
    fn round_magnitude(self, magnitude: Words) -> (Words, F32x4) {
        // With 2^13 times the power of two below it added, a number's last bit is the last that f16 keeps, and the addition
        // itself rounds; below 2^-14 as if that were the power of two.
        let exponent = magnitude.and(self.f32_infinity).max(self.smallest_normal);
        let added = exponent.plus(self.dropped_bits);
        let sum = magnitude.as_f32() + added.as_f32();
        let significand = Words::of(sum).minus(added);
        let number = exponent.minus(self.smallest_normal).down::<13>().plus(significand);
        (number, sum - added.as_f32())
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
    fn new() -> Self {
        Self {
            one: Words::keep(1),
            below_half: Words::keep(0x7fff),
            f32_magnitude: Words::keep(F32_MAGNITUDE),
            infinity: Words::keep(F32_INFINITY),
            quiet: Words::keep(0x0040_0000),
        }
    }

    #[inline(always)]
    fn widen(self, halves: Halves) -> [F32x4; 2] {
        halves.above_low(Halves::zero()).map(Words::as_f32)
    }

    #[inline(always)]
    fn widen_magnitudes(self, halves: Halves) -> [F32x4; 2] {
        self.widen(halves)
    }

    #[inline(always)]
    fn any_unbounded<const N: usize>(self, _: [Halves; N]) -> bool {
        false
    }

    #[inline(always)]
    fn narrow_words(self, x: F32x4) -> Words {
        let bits = Words::of(x);
        // Rounding could carry a NaN over into zero: it is made quiet instead.
        let is_nan = bits.and(self.f32_magnitude).above(self.infinity);
        is_nan.select(bits.or(self.quiet), self.carried(bits)).down::<16>()
    }

    #[inline(always)]
    fn round(self, [low, high]: [F32x4; 2], unfit: &mut Words) -> (Halves, [F32x4; 2]) {
        // A NaN, or infinities that make one.
        *unfit = unfit.or((low + high).is_nan());
        let halves = Words::upper_halves([low, high].map(|x| self.carried(Words::of(x))));
        (halves, self.widen(halves))
    }
}

impl Bf16 {
    /// The bits of a number, whose upper halves are those of the nearest element.
    #[inline(always)]
    fn carried(self, bits: Words) -> Words {
        let odd = bits.down::<16>().and(self.one);
        bits.plus(self.below_half).plus(odd)
    }
}

/// How elements are read, eight at a time as f32; a value has the constants that a loop needs.
pub trait Reader: Copy {
    type Stored: Copy + Default;
    fn reader() -> Self;
    /// `slice[at..at + 8]`.
    ///
    /// # Safety
    /// `at + 8 <= slice.len()`.
    unsafe fn load(self, slice: &[Self::Stored], at: usize) -> [F32x4; 2];
    /// `row[at..at + 8]` of each row, perhaps without the signs.
    ///
    /// # Safety
    /// `at + 8 <= row.len()` of every row.
    unsafe fn load_magnitudes<const ROWS: usize>(
        self,
        rows: [&[Self::Stored]; ROWS],
        at: usize,
    ) -> [[F32x4; 2]; ROWS];
}

impl<F: Format> Reader for F {
    type Stored = u16;
    #[inline(always)]
    fn reader() -> Self {
        F::new()
    }
    #[inline(always)]
    unsafe fn load(self, slice: &[u16], at: usize) -> [F32x4; 2] {
        self.widen(unsafe { Halves::load(slice, at) })
    }
    #[inline(always)]
    unsafe fn load_magnitudes<const ROWS: usize>(
        self,
        rows: [&[u16]; ROWS],
        at: usize,
    ) -> [[F32x4; 2]; ROWS] {
        let halves = rows.map(|row| unsafe { Halves::load(row, at) });
        if self.any_unbounded(halves) {
            halves.map(|halves| self.widen(halves))
        } else {
            halves.map(|halves| self.widen_magnitudes(halves))
        }
    }
}

/// f32 as it lies in memory.
#[derive(Clone, Copy)]
pub struct Plain;

impl Reader for Plain {
    type Stored = f32;
    #[inline(always)]
    fn reader() -> Self {
        Self
    }
    #[inline(always)]
    unsafe fn load(self, slice: &[f32], at: usize) -> [F32x4; 2] {
        unsafe { [F32x4::load(slice, at), F32x4::load(slice, at + LANES)] }
    }
    #[inline(always)]
    unsafe fn load_magnitudes<const ROWS: usize>(
        self,
        rows: [&[f32]; ROWS],
        at: usize,
    ) -> [[F32x4; 2]; ROWS] {
        rows.map(|row| unsafe { self.load(row, at) })
    }
}

/// The first elements of some, the rest 0.
#[inline(always)]
pub fn padded<T: Copy + Default, const LENGTH: usize>(slice: &[T]) -> [T; LENGTH] {
    let mut all = [T::default(); LENGTH];
    all[..slice.len()].copy_from_slice(slice);
    all
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
    let format = F::new();
    round_all::<F>(x, out, |pair, _| format.narrow(pair));
}

/// `round_run` by `narrow`, which gets eight elements and the place of the first.
#[inline(always)]
pub fn round_all<F: Format>(
    x: &mut [f32],
    out: &mut [u16],
    narrow: impl Fn([F32x4; 2], usize) -> Halves,
) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let format = F::new();
    let round = |x: &mut [f32], out: &mut [u16], at: usize, place: usize| {
        // SAFETY: the callers below see to at + 8 <= len, and both slices are that long.
        unsafe {
            let narrowed = narrow([F32x4::load(x, at), F32x4::load(x, at + LANES)], place);
            narrowed.store(out, at);
            let [low, high] = format.widen(narrowed);
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
    let format = F::new();
    let widen = |x: &[u16], out: &mut [f32], at: usize| {
        // SAFETY: the callers below see to at + 8 <= len, and both slices are that long.
        unsafe {
            let [low, high] = format.widen(Halves::load(x, at));
            low.store(out, at);
            high.store(out, at + LANES);
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
    let format = F::new();
    let narrow = |x: &[f32], out: &mut [u16], at: usize| {
        // SAFETY: the callers below see to at + 8 <= len, and both slices are that long.
        unsafe {
            format.narrow([F32x4::load(x, at), F32x4::load(x, at + LANES)]).store(out, at);
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
