//! The kernels against plain scalar arithmetic and the crate `half`: all 65,536 halves, ties, NaN, both zeros, every type
//! and operation, any number of terms.

mod group;

use ::half::{bf16, f16};
use group::{Random, as_bytes, tree};
use rust_collectives::element::{ElementType, Reduction};
use rust_collectives::half;
use rust_collectives::reduce::{Kind, reduce, scratch_words};
use std::cmp::Ordering;

#[test]
fn every_half_is_widened_as_the_crate_half_does_it() {
    for bits in 0..=u16::MAX {
        let (f16, bf16) = (f16::from_bits(bits), bf16::from_bits(bits));
        let (ours_f16, ours_bf16) = (
            half::f16_to_f32(bits.into()),
            half::bf16_to_f32(bits.into()),
        );
        assert_same(ours_f16, f16.to_f32(), bits);
        assert_same(ours_bf16, bf16.to_f32(), bits);
        if f16.is_finite() {
            let scaled = half::upper_f16_to_scaled(u32::from(bits) << 16 | 0x5a5a);
            assert_eq!(
                f64::from(scaled) * 2f64.powi(112),
                f16.to_f64(),
                "{bits:#x}"
            );
            assert_same(half::scaled_to_f32(scaled), f16.to_f32(), bits);
        }
    }
}

#[test]
fn narrowing_rounds_as_the_crate_half_does_it() {
    for bits in (0..=u32::MAX).step_by(1021) {
        assert_narrows(bits);
    }
    // Around every half and around the middle to the next: the ties, where subnormals and infinity begin, NaN.
    for half in 0..=u16::MAX {
        let wide = [
            f16::from_bits(half).to_f32(),
            bf16::from_bits(half).to_f32(),
        ];
        let [f16, bf16] = wide.map(f32::to_bits);
        let middles = [f16 + (1 << 12), bf16 + (1 << 15)];
        for bits in [f16, bf16].into_iter().chain(middles) {
            for near in -2..=2 {
                assert_narrows(bits.wrapping_add_signed(near));
            }
        }
    }
    // The midpoints of f16 subnormals are at other bits.
    for odd in 0..4096_u32 {
        let middle = (odd as f32 * 2f32.powi(-25)).to_bits();
        for near in -2..=2 {
            assert_narrows(middle.wrapping_add_signed(near));
            assert_narrows(middle.wrapping_add_signed(near) | 1 << 31);
        }
    }
}

#[test]
#[ignore = "all 2^32 floats take minutes in a release build"]
fn narrowing_rounds_every_float_as_the_crate_half_does_it() {
    for bits in 0..=u32::MAX {
        assert_narrows(bits);
    }
}

fn assert_narrows(bits: u32) {
    let value = f32::from_bits(bits);
    let (f16, bf16) = (f16::from_f32(value), bf16::from_f32(value));
    let (ours_f16, ours_bf16) = (half::f32_to_f16(value), half::f32_to_bf16(value));
    if value.is_nan() {
        let is_nan = |bits: u32, infinity| bits & 0x7fff > infinity && bits >> 16 == 0;
        assert!(
            is_nan(ours_f16, 0x7c00) && is_nan(ours_bf16, 0x7f80),
            "{bits:#x}"
        );
        return;
    }
    assert_eq!(ours_f16, f16.to_bits().into(), "{bits:#x}");
    assert_eq!(ours_bf16, bf16.to_bits().into(), "{bits:#x}");
    if f16.is_finite() {
        assert_eq!(half::scaled_to_f16(value, 112), ours_f16, "{bits:#x}");
    }
    // As a sum of scaled f16: a multiple of 2^-24 * 2^-112.
    let multiple = (value * 2f32.powi(24)).trunc() * 2f32.powi(-24);
    let sum = f16::from_f32(multiple);
    if sum.is_finite() {
        let scaled = (f64::from(multiple) * 2f64.powi(-112)) as f32;
        let pair = u32::from(sum.to_bits()) * 0x1_0001;
        assert_eq!(half::scaled_to_f16_pair(scaled, scaled), pair, "{bits:#x}");
        for halvings in [0, 1, 3, 13] {
            let expected = f16::from_f32(multiple / (1 << halvings) as f32);
            let ours = half::scaled_to_f16(scaled, halvings);
            assert_eq!(ours, expected.to_bits().into(), "{bits:#x} / 2^{halvings}");
        }
    }
}

fn assert_same(ours: f32, theirs: f32, bits: u16) {
    let both_nan = ours.is_nan() && theirs.is_nan();
    assert!(both_nan || ours.to_bits() == theirs.to_bits(), "{bits:#x}");
}

#[test]
fn max_and_min_propagate_nan_and_order_the_zeros() {
    let cases = [
        (1.0, 2.0),
        (-0.0, 0.0),
        (0.0, -0.0),
        (f32::NAN, 1.0),
        (1.0, f32::NAN),
        (f32::INFINITY, f32::NEG_INFINITY),
        (-3.0, -3.0),
    ];
    for (a, b) in cases {
        let [max, min] = [Reduction::Max, Reduction::Min].map(|reduction| {
            let [a, b] = [a, b].map(|value: f32| [u64::from(value.to_bits())]);
            f32::from_bits(run(ElementType::F32, reduction, &[&a, &b], 4)[0] as u32)
        });
        if a.is_nan() || b.is_nan() {
            assert!(max.is_nan() && min.is_nan());
        } else {
            assert_eq!((max, min), (a.max(b), a.min(b)));
            assert_eq!(
                max.is_sign_negative(),
                a.is_sign_negative() && b.is_sign_negative()
            );
            assert_eq!(
                min.is_sign_negative(),
                a.is_sign_negative() || b.is_sign_negative()
            );
        }
    }
}

#[test]
fn integers_wrap_and_are_compared_by_their_sign() {
    let a = [u64::from(u32::MAX) | 5 << 32];
    let b = [3 | (u64::from(u32::MAX) << 32)];
    assert_eq!(
        run(ElementType::U32, Reduction::Sum, &[&a, &b], 8),
        [2 | 4 << 32]
    );
    assert_eq!(
        run(ElementType::U32, Reduction::Max, &[&a, &b], 8),
        [0xffff_ffff_ffff_ffff]
    );
    assert_eq!(
        run(ElementType::I32, Reduction::Max, &[&a, &b], 8),
        [3 | 5 << 32]
    );
    assert_eq!(
        run(ElementType::I32, Reduction::Min, &[&a, &b], 8),
        [0xffff_ffff_ffff_ffff]
    );
}

#[test]
fn any_number_of_terms_is_summed_as_a_tree_over_several_blocks() {
    for terms in (2..=20).chain([31, 32, 33, 63, 64]) {
        let value =
            |term: usize, i: usize| 1e16 / (term * term + 1) as f64 + (i * 3 + term) as f64 * 0.1;
        let length = 2500;
        let inputs: Vec<Vec<u64>> = (0..terms)
            .map(|term| (0..length).map(|i| value(term, i).to_bits()).collect())
            .collect();
        let inputs: Vec<&[u64]> = inputs.iter().map(|each| &each[..]).collect();
        let sums = run(ElementType::F64, Reduction::Sum, &inputs, 8 * length);
        for (i, sum) in sums.into_iter().enumerate() {
            let values: Vec<f64> = (0..terms).map(|term| value(term, i)).collect();
            assert_eq!(sum, tree(&values).to_bits());
        }
    }
}

#[test]
fn a_sum_of_sums_over_powers_of_two_has_the_bits_of_the_whole_sum() {
    let length = 300;
    let mut random = Random(5);
    let inputs: Vec<Vec<u64>> = (0..32)
        .map(|_| {
            let value = |_| (random.below(1 << 30) as f64 - 5e8) * 1.1;
            (0..length).map(value).map(f64::to_bits).collect()
        })
        .collect();
    let inputs: Vec<&[u64]> = inputs.iter().map(|each| &each[..]).collect();
    let sum = |terms: &[&[u64]]| run(ElementType::F64, Reduction::Sum, terms, 8 * length);
    let whole = sum(&inputs);
    for parts in [2, 4, 8, 16] {
        let sums: Vec<Vec<u64>> = inputs.chunks(parts).map(sum).collect();
        let sums: Vec<&[u64]> = sums.iter().map(|each| &each[..]).collect();
        assert_eq!(sum(&sums), whole, "{} sums of {parts}", 32 / parts);
    }
}

#[test]
fn sixteen_bits_are_added_in_f32_and_rounded_once_for_all_values() {
    let length = 4 * 2048 + 3;
    for terms in [2, 3, 4, 5, 7, 8, 16] {
        // Of ordinary size; subnormal; so large that sums are infinite; any bits at all, NaN and infinity among them.
        for kind in 0..4 {
            let mut random = Random(terms as u64);
            let mut half = || {
                let bits = random.below(1 << 16) as u16;
                match kind {
                    0 => bits & 0x8fff | 0x3000,
                    1 => bits & 0x83ff,
                    2 => bits & 0x83ff | 0x7800,
                    _ => bits,
                }
            };
            let inputs: Vec<Vec<u16>> = (0..terms)
                .map(|_| (0..length).map(|_| half()).collect())
                .collect();
            check_halves(
                ElementType::F16,
                &inputs,
                (
                    |bits| f16::from_bits(bits).to_f32(),
                    |sum| f16::from_f32(sum).to_bits(),
                ),
            );
            check_halves(
                ElementType::Bf16,
                &inputs,
                (
                    |bits| bf16::from_bits(bits).to_f32(),
                    |sum| bf16::from_f32(sum).to_bits(),
                ),
            );
        }
    }
}

fn check_halves(
    dtype: ElementType,
    inputs: &[Vec<u16>],
    (widen, narrow): (impl Fn(u16) -> f32, impl Fn(f32) -> u16),
) {
    let words: Vec<Vec<u64>> = inputs.iter().map(|each| words_of(each)).collect();
    let words: Vec<&[u64]> = words.iter().map(|each| &each[..]).collect();
    for reduction in Reduction::ALL {
        let mut out = run(dtype, reduction, &words, 2 * inputs[0].len());
        for (i, bytes) in as_bytes(&mut out)
            .chunks_exact(2)
            .take(inputs[0].len())
            .enumerate()
        {
            let terms: Vec<f32> = inputs.iter().map(|each| widen(each[i])).collect();
            let expected = match reduction {
                Reduction::Sum => tree(&terms),
                Reduction::Mean => tree(&terms) / terms.len() as f32,
                Reduction::Max => terms.iter().copied().reduce(plain_max).unwrap(),
                Reduction::Min => -terms.iter().map(|term| -term).reduce(plain_max).unwrap(),
            };
            let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
            if expected.is_nan() {
                assert!(widen(bits).is_nan(), "{dtype:?} {reduction:?} {terms:?}");
            } else {
                assert_eq!(bits, narrow(expected), "{dtype:?} {reduction:?} {terms:?}");
            }
        }
    }
}

fn plain_max(a: f32, b: f32) -> f32 {
    match a.partial_cmp(&b) {
        None => f32::NAN,
        Some(Ordering::Less) => b,
        Some(Ordering::Greater) => a,
        Some(Ordering::Equal) if a.is_sign_positive() => a,
        Some(Ordering::Equal) => b,
    }
}

fn words_of(halves: &[u16]) -> Vec<u64> {
    let words = halves.chunks(4);
    let shifted = |each: &[u16]| {
        each.iter()
            .rev()
            .fold(0, |word, half| word << 16 | u64::from(*half))
    };
    words.map(shifted).collect()
}

fn run(dtype: ElementType, reduction: Reduction, terms: &[&[u64]], bytes: usize) -> Vec<u64> {
    let mut out = vec![0; bytes.div_ceil(8)];
    let kind = Kind {
        dtype,
        reduction,
        ranks: terms.len() as u32,
    };
    let mut scratch = vec![0; scratch_words(terms.len())];
    let memory = (&mut scratch[..], &mut out[..], bytes);
    reduce(kind, terms.iter().copied(), memory);
    as_bytes(&mut out)[bytes..].fill(0);
    out
}
