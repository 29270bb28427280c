//! Slices of 16-bit elements widened to f32, and slices of f32 rounded to them.

use crate::simd::f32x4::{F32x4, LANES};
use crate::simd::u16x8::{HALF_LANES, U16x8};
use crate::storage::bf16::Bf16;
use crate::storage::f16::F16;
use crate::storage::half::{Format, Half};

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

/// out[i] = x[i], rounded, and x[i] = out[i]. The slices have one length.
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

/// `round_run` with `narrow`, which gets eight elements and the index of the first.
#[inline(always)]
pub fn round_all<F: Format>(
    x: &mut [f32],
    out: &mut [u16],
    narrow: impl Fn([F32x4; 2], usize) -> U16x8,
) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() / HALF_LANES * HALF_LANES;
    let format = F::new();
    let round = |x: &mut [f32], out: &mut [u16], at: usize, place: usize| {
        // SAFETY: the calls below have at + 8 <= len, the length of both slices.
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
        // SAFETY: the calls below have at + 8 <= len, the length of both slices.
        unsafe {
            let [low, high] = format.widen(U16x8::load(x, at));
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
        // SAFETY: the calls below have at + 8 <= len, the length of both slices.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares widening of all 65,536 elements with the `half` crate's.
    fn check_widening(format: Half, widen: impl Fn(u16) -> f32) {
        let halves: Vec<u16> = (0..=u16::MAX).collect();
        let mut got = vec![0.0; halves.len()];
        widen_run(format, &halves, &mut got);
        for (half, got) in halves.into_iter().zip(got) {
            let want = widen(half);
            assert!(want.to_bits() == got.to_bits() || want.is_nan() && got.is_nan(), "{half:#x}");
        }
    }

    /// The value of every element, the ties between neighbouring elements, and the f32 next to each of these.
    fn values_around_halves(widen: impl Fn(u16) -> f32) -> Vec<f32> {
        let mut values = vec![];
        for half in 0..=u16::MAX {
            let bits = widen(half).to_bits();
            // A tie in either format, subnormal f16 included, is one of these steps away.
            for step in (0..24).map(|i| 1_u32 << i).chain([0]) {
                for offset in [step.wrapping_sub(1), step, step + 1] {
                    values.push(f32::from_bits(bits.wrapping_add(offset)));
                }
            }
        }
        values
    }

    /// Compares narrowing near every element and every tie with the `half` crate's.
    fn check_narrowing(format: Half, widen: impl Fn(u16) -> f32, narrow: impl Fn(f32) -> u16) {
        let values = values_around_halves(widen);
        let mut got = vec![0; values.len()];
        narrow_run(format, &values, &mut got);
        for (value, got) in values.into_iter().zip(got) {
            assert_eq!(narrow(value), got, "{value:?} = {:#x}", value.to_bits());
        }
    }

    #[test]
    fn widening_matches_the_half_crate_for_every_element() {
        check_widening(Half::F16, |bits| half::f16::from_bits(bits).to_f32());
        check_widening(Half::Bf16, |bits| half::bf16::from_bits(bits).to_f32());
    }

    #[test]
    fn narrowing_matches_the_half_crate_near_every_element_and_every_tie() {
        let f16 = |bits| half::f16::from_bits(bits).to_f32();
        check_narrowing(Half::F16, f16, |x| half::f16::from_f32(x).to_bits());
        let bf16 = |bits| half::bf16::from_bits(bits).to_f32();
        check_narrowing(Half::Bf16, bf16, |x| half::bf16::from_f32(x).to_bits());
    }

    /// Compares `round_fast`, `widen_all` and `widen_magnitudes` with `narrow` and `widen`.
    fn check_shortcuts<F: Format>(largest_fast: f32, widen: impl Fn(u16) -> f32) {
        let (format, halves_of) = (F::new(), |halves: U16x8| {
            let mut all = [0; HALF_LANES];
            // SAFETY: `all` has eight elements.
            unsafe { halves.store(&mut all, 0) };
            all
        });
        let magnitudes = |x: [F32x4; 2]| x.map(F32x4::lanes).concat().into_iter().map(f32::abs);
        let same = |a: [F32x4; 2], b: [F32x4; 2]| {
            magnitudes(a)
                .zip(magnitudes(b))
                .all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
        };
        let signs = |x: [F32x4; 2]| x.map(|x| x.lanes().map(f32::is_sign_negative));
        let must_pass =
            |x: &f32| *x == 0.0 || (f32::MIN_POSITIVE..=largest_fast).contains(&x.abs());
        // Every third chunk: chunks of 8 run through all combinations of the 25 steps and 3 offsets.
        for values in values_around_halves(widen).chunks_exact(HALF_LANES).step_by(3) {
            // SAFETY: `values` has eight elements.
            let x = unsafe { [F32x4::load(values, 0), F32x4::load(values, LANES)] };
            let (halves, [low, high], check) = format.round_fast(x);
            if format.failed(F::merge(check, check), low * low + high * high) {
                assert!(!values.iter().all(must_pass), "{values:?}");
                continue;
            }
            let want = format.narrow(x);
            assert_eq!(halves_of(halves), halves_of(want), "{values:?}");
            assert!(same([low, high], format.widen(want)), "{values:?}");
        }
        let all: Vec<u16> = (0..=u16::MAX).collect();
        for bits in all.chunks_exact(HALF_LANES) {
            // SAFETY: `bits` has eight elements.
            let halves = unsafe { U16x8::load(bits, 0) };
            let normal = U16x8::constant(0x3c01);
            for halves in [[halves, normal], [normal, halves], [halves; 2]] {
                let want = halves.map(|halves| format.widen(halves));
                let (got, magnitudes) = (format.widen_all(halves), format.widen_magnitudes(halves));
                for i in [0, 1] {
                    assert!(same(got[i], want[i]) && same(magnitudes[i], want[i]), "{bits:x?}");
                    assert_eq!(signs(got[i]), signs(want[i]), "{bits:x?}");
                }
            }
        }
    }

    #[test]
    fn fast_paths_are_exact_unless_they_report_that_they_failed() {
        check_shortcuts::<F16>(32767.0, |bits| half::f16::from_bits(bits).to_f32());
        check_shortcuts::<Bf16>(2e33, |bits| half::bf16::from_bits(bits).to_f32());
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
    fn slices_of_every_length_are_converted_to_their_end() {
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
