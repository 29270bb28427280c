//! Exact GELU: x Phi(x) with Phi the normal distribution function, and its derivative Phi(x) + x phi(x).
//!
//! Phi(x) = (1 + erf(x / sqrt 2)) / 2. erf is the rational approximation of Eigen and XLA, an odd polynomial over an even
//! one: absolute error <= 4e-7, exactly +-1 from |x / sqrt 2| = 4 on (where 1 - |erf| < 2e-8).

use crate::simd::f32x4::F32x4;
use crate::simd::groups::{map, zip};

/// out = x Phi(x); absolute error <= 4e-7 max(1, |x|).
pub fn gelu(x: &[f32], out: &mut [f32]) {
    map(x, out, |x| x * normal_cdf(x));
}

/// dx = dy (Phi(x) + x phi(x))
pub fn gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    const INV_SQRT_TAU: f32 = 0.398_942_3;
    zip(x, dy, dx, |x, dy| {
        let density = (x * x * F32x4::splat(-0.5)).exp() * F32x4::splat(INV_SQRT_TAU);
        dy * (normal_cdf(x) + x * density)
    });
}

#[inline(always)]
fn normal_cdf(x: F32x4) -> F32x4 {
    let half = F32x4::splat(0.5);
    half + half * erf(x * F32x4::splat(core::f32::consts::FRAC_1_SQRT_2))
}

#[inline(always)]
fn erf(z: F32x4) -> F32x4 {
    let (one, minus_one) = (F32x4::splat(1.0), F32x4::splat(-1.0));
    let four = F32x4::splat(4.0);
    let x = z.clamp(-4.0, 4.0);
    let square = x * x;
    let numerator = x * square.polynomial([
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ]);
    let denominator = square.polynomial([
        -1.456_607_2e-5,
        -2.133_740_6e-4,
        -1.682_827e-3,
        -7.373_329_3e-3,
        -1.426_473_9e-2,
    ]);
    let inner = (numerator / denominator).clamp(-1.0, 1.0);
    let right = z.where_ge(four, one, inner);
    (minus_one * z).where_ge(four, minus_one, right)
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn gelu(x: In, out: Out, length: usize) {
        super::gelu(read(x, length), write(out, length));
    }

    #[wasm_bindgen]
    pub fn gelu_backward(x: In, dy: In, dx: Out, length: usize) {
        super::gelu_backward(read(x, length), read(dy, length), write(dx, length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf by its Maclaurin series in f64, good to 1e-12 for |x| <= 4.5.
    fn erf_series(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    #[test]
    fn erf_is_accurate_to_4e_7() {
        for i in -4500..=4500 {
            let x = i as f32 * 0.001;
            let got = f64::from(erf(F32x4::splat(x)).lanes()[0]);
            let want = erf_series(f64::from(x));
            assert!((got - want).abs() <= 4e-7, "erf({x}) = {got}, want {want}");
        }
    }

    #[test]
    fn gelu_is_exact_far_out() {
        let mut out = [0.0; 3];
        gelu(&[-1e6, 0.0, 1e6], &mut out);
        assert_eq!(out, [0.0, 0.0, 1e6]);
    }
}
