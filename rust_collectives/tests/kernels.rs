//! The kernels against plain scalar arithmetic: all 65,536 halves, ties, NaN, both zeros, every type and operation.

mod group;

use group::as_bytes;
use rust_collectives::element::{Dtype, Reduction};
use rust_collectives::half;
use rust_collectives::reduce::{Kind, reduce};

#[test]
fn every_half_survives_f32() {
    for bits in 0..=u16::MAX {
        let (f16, bf16) = (f16_to_f32(bits), bf16_to_f32(bits));
        if !f16.is_nan() {
            assert_eq!(f32_to_f16(f16), bits);
            assert_eq!(f16, plain_f16(bits), "{bits:#x}");
        } else {
            assert!(f16_to_f32(f32_to_f16(f16)).is_nan() && bits & 0x7c00 == 0x7c00);
        }
        if !bf16.is_nan() {
            assert_eq!(f32_to_bf16(bf16), bits);
        } else {
            assert!(bf16_to_f32(f32_to_bf16(bf16)).is_nan());
        }
    }
}

#[test]
fn narrowing_takes_the_nearest_and_the_even_one_of_two() {
    for bits in (0..0x7bff_u16).chain(0x8000..0xfbff) {
        let (here, next) = (f16_to_f32(bits), f16_to_f32(bits + 1));
        assert_between(bits, (here, next), f32_to_f16);
    }
    for bits in (0..0x7f7f_u16).chain(0x8000..0xff7f) {
        let (here, next) = (bf16_to_f32(bits), bf16_to_f32(bits + 1));
        assert_between(bits, (here, next), f32_to_bf16);
    }
    assert_eq!(f32_to_f16(65519.996), 0x7bff);
    assert_eq!(f32_to_f16(65520.0), 0x7c00);
    assert_eq!(f32_to_f16(1e9), 0x7c00);
    assert_eq!(f32_to_bf16(f32::MAX), 0x7f80);
    assert_eq!(f32_to_bf16(f32::from_bits(0x7f80_0001)) & 0x7fff, 0x7fc0);
}

fn assert_between(bits: u16, (here, next): (f32, f32), narrow: fn(f32) -> u16) {
    let middle = ((f64::from(here) + f64::from(next)) / 2.0) as f32;
    let even = bits + (bits & 1);
    assert_eq!(narrow(middle), even, "the middle after {bits:#x}");
    // A bf16 subnormal has no room for a neighbour of the middle at every exponent, but f32 always has one.
    assert_eq!(narrow(f32::from_bits(middle.to_bits() - 1)), bits);
    assert_eq!(narrow(f32::from_bits(middle.to_bits() + 1)), bits + 1);
}

#[test]
fn max_and_min_tell_of_a_nan_and_order_the_zeros() {
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
            f32::from_bits(run(Dtype::F32, reduction, &[&a, &b], 4)[0] as u32)
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
    assert_eq!(run(Dtype::U32, Reduction::Sum, &[&a, &b], 8), [2 | 4 << 32]);
    assert_eq!(
        run(Dtype::U32, Reduction::Max, &[&a, &b], 8),
        [0xffff_ffff_ffff_ffff]
    );
    assert_eq!(run(Dtype::I32, Reduction::Max, &[&a, &b], 8), [3 | 5 << 32]);
    assert_eq!(
        run(Dtype::I32, Reduction::Min, &[&a, &b], 8),
        [0xffff_ffff_ffff_ffff]
    );
}

#[test]
fn any_number_of_f64_terms_is_folded_in_order_over_several_blocks() {
    for terms in 2..=5 {
        let value =
            |term: usize, i: usize| 1e16 / (term * term + 1) as f64 + (i * 3 + term) as f64 * 0.1;
        let length = 2500;
        let inputs: Vec<Vec<u64>> = (0..terms)
            .map(|term| (0..length).map(|i| value(term, i).to_bits()).collect())
            .collect();
        let inputs: Vec<&[u64]> = inputs.iter().map(|each| &each[..]).collect();
        let sums = run(Dtype::F64, Reduction::Sum, &inputs, 8 * length);
        for (i, sum) in sums.into_iter().enumerate() {
            let expected = (1..terms).fold(value(0, i), |sum, term| sum + value(term, i));
            assert_eq!(sum, expected.to_bits());
        }
    }
}

fn run(dtype: Dtype, reduction: Reduction, terms: &[&[u64]], bytes: usize) -> Vec<u64> {
    let mut out = vec![0; bytes.div_ceil(8)];
    let kind = Kind {
        dtype,
        reduction,
        ranks: terms.len() as u32,
    };
    reduce(kind, terms.iter().copied(), (&mut out, bytes));
    as_bytes(&mut out)[bytes..].fill(0);
    out
}

fn plain_f16(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 => f32::INFINITY,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

fn f16_to_f32(bits: u16) -> f32 {
    half::f16_to_f32(bits.into())
}

fn bf16_to_f32(bits: u16) -> f32 {
    half::bf16_to_f32(bits.into())
}

fn f32_to_f16(value: f32) -> u16 {
    half::f32_to_f16(value) as u16
}

fn f32_to_bf16(value: f32) -> u16 {
    half::f32_to_bf16(value) as u16
}
