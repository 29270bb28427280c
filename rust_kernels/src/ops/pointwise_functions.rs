//! The functions of pointwise formulas (src/device/kernels/pointwise.ts), on four lanes.
//! wgsl/fragments/pointwise_functions.wgsl has the same ones.

use crate::simd::f32x4::F32x4;
use crate::simd::u32x4::U32x4;

/// `x` in all lanes.
#[inline(always)]
pub fn splat(x: f32) -> F32x4 {
    F32x4::splat(x)
}

/// |x|
#[inline(always)]
pub fn abs(x: F32x4) -> F32x4 {
    U32x4::bits_of(x).and(U32x4::splat(0x7fff_ffff)).as_f32()
}

/// The square root.
#[inline(always)]
pub fn sqrt(x: F32x4) -> F32x4 {
    x.sqrt()
}

/// `then` where a = b, else `otherwise`.
#[inline(always)]
pub fn where_equal(a: F32x4, b: F32x4, then: F32x4, otherwise: F32x4) -> F32x4 {
    a.where_eq(b, then, otherwise)
}

/// `then` where a > b, else `otherwise`.
#[inline(always)]
pub fn where_greater(a: F32x4, b: F32x4, then: F32x4, otherwise: F32x4) -> F32x4 {
    a.where_gt(b, then, otherwise)
}

/// `then` where a >= b, else `otherwise`.
#[inline(always)]
pub fn where_at_least(a: F32x4, b: F32x4, then: F32x4, otherwise: F32x4) -> F32x4 {
    a.where_ge(b, then, otherwise)
}

/// The larger of both; NaN if either is NaN.
#[inline(always)]
pub fn larger(a: F32x4, b: F32x4) -> F32x4 {
    b.where_eq(b, a.larger(b), b)
}

/// The smaller of both; NaN if either is NaN.
#[inline(always)]
pub fn smaller(a: F32x4, b: F32x4) -> F32x4 {
    b.where_eq(b, a.min(b), b)
}

/// e^x, relative error <= 3e-7: infinity and 0 beyond the range of f32.
#[inline(always)]
pub fn exponential(x: F32x4) -> F32x4 {
    // Far out as the square of e^(x / 2), which has a range twice as wide.
    let half = (x * splat(0.5)).exp();
    abs(x).where_gt(splat(87.0), half * half, x.exp())
}

/// 1 / (1 + e^-z)
#[inline(always)]
pub fn logistic(z: F32x4) -> F32x4 {
    let one = splat(1.0);
    one / (one + (splat(-1.0) * z).exp())
}

/// e^(-x^2 / 2)
#[inline(always)]
pub fn gaussian(x: F32x4) -> F32x4 {
    (x * x * splat(-0.5)).exp()
}

/// tanh x, relative error <= 4e-7: 1 - 2 / (e^2x + 1), and where |x| < 1 Lambert's continued fraction
/// x / (1 + x^2 / (3 + x^2 / (5 + x^2 / (7 + x^2 / 9)))).
#[inline(always)]
pub fn tanh_accurate(x: F32x4) -> F32x4 {
    let (one, two) = (splat(1.0), splat(2.0));
    let square = x * x;
    let near = x * square.polynomial([1.0, 105.0, 945.0]) / square.polynomial([15.0, 420.0, 945.0]);
    square.where_ge(one, one - two / ((two * x).exp() + one), near)
}

/// log x by fdlibm's logf: x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); error below one unit in the last place.
#[inline(always)]
pub fn logarithm(x: F32x4) -> F32x4 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    // Numbers below 2^-126 have no leading bit of their own.
    let smallest = splat(f32::MIN_POSITIVE);
    let scaled = smallest.where_gt(x, x * splat(33_554_432.0), x);
    let places = smallest.where_gt(x, splat(152.0), splat(127.0));
    let bits = U32x4::bits_of(scaled).plus(U32x4::splat(0x3f80_0000 - ROOT_HALF));
    // The bits of 2^23 + n are those of 2^23 and n.
    let k = bits.shr::<23>().or(U32x4::splat(0x4b00_0000)).as_f32() - splat(8_388_608.0) - places;
    let fraction = bits.and(U32x4::splat(0x007f_ffff)).plus(U32x4::splat(ROOT_HALF));
    let f = fraction.as_f32() - splat(1.0);
    let s = f / (splat(2.0) + f);
    let z = s * s;
    let w = z * z;
    let r = z * w.polynomial([0.284_987_87, 0.666_666_6])
        + w * w.polynomial([0.242_790_79, 0.400_009_72]);
    let half = splat(0.5) * f * f;
    let log = s * (half + r) + k * splat(9.058_000_6e-6) - half + f + k * splat(0.693_138_1);
    let of_zero = x.where_eq(splat(0.0), splat(f32::NEG_INFINITY), splat(f32::NAN));
    let below = x.where_gt(splat(0.0), log, of_zero);
    let infinity = splat(f32::INFINITY);
    x.where_eq(infinity, infinity, below)
}

/// log(1 + u) for u >= 0: what rounding 1 + u loses is made good.
#[inline(always)]
pub fn log_one_plus(u: F32x4) -> F32x4 {
    let whole = splat(1.0) + u;
    logarithm(whole) + (u - (whole - splat(1.0))) / whole
}

/// a^b: a a exactly for b = 2; the sign of a negative base by whether b is odd; NaN if it is no integer.
#[inline(always)]
pub fn power(a: F32x4, b: F32x4) -> F32x4 {
    let p = exponential(b * logarithm(abs(a)));
    let even = (b * splat(0.5)).floor() * splat(2.0);
    let signed = even.where_eq(b, p, -p);
    let of_negative = b.floor().where_eq(b, signed, splat(f32::NAN));
    let general = splat(0.0).where_gt(a, of_negative, p);
    let squared = b.where_eq(splat(2.0), a * a, general);
    let whole = b.where_eq(splat(1.0), a, squared);
    let one = splat(1.0);
    a.where_eq(one, one, b.where_eq(splat(0.0), one, whole))
}

/// Phi(x) = (1 + erf(x / sqrt 2)) / 2, the normal distribution function; absolute error <= 2e-7.
#[inline(always)]
pub fn normal_cdf(x: F32x4) -> F32x4 {
    let half = splat(0.5);
    half + half * erf(x * splat(core::f32::consts::FRAC_1_SQRT_2))
}

/// erf by the rational approximation of Eigen and XLA, an odd polynomial over an even one: absolute error <= 4e-7, exactly
/// +-1 from |x| = 4 on (where 1 - |erf| < 2e-8).
#[inline(always)]
fn erf(z: F32x4) -> F32x4 {
    let (one, minus_one) = (splat(1.0), splat(-1.0));
    let four = splat(4.0);
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

    fn of(f: impl Fn(F32x4) -> F32x4, x: f32) -> f32 {
        f(splat(x)).lanes()[0]
    }

    #[test]
    fn erf_is_accurate_to_4e_7() {
        for i in -4500..=4500 {
            let x = i as f32 * 0.001;
            let got = f64::from(of(erf, x));
            let want = erf_series(f64::from(x));
            assert!((got - want).abs() <= 4e-7, "erf({x}) = {got}, want {want}");
        }
    }

    #[test]
    fn gelu_is_exact_far_out() {
        let gelu = |x: f32| x * of(normal_cdf, x);
        assert_eq!([-1e6, 0.0, 1e6].map(gelu), [0.0, 0.0, 1e6]);
    }

    #[test]
    fn functions_are_accurate_to_4e_7() {
        let close = |name: &str, x: f32, got: f32, want: f64| {
            let error = (f64::from(got) / want - 1.0).abs();
            assert!(error <= 4e-7, "{name}({x}) = {got}, want {want}");
        };
        for i in 1..20_000 {
            let x = i as f32 * 1e-3;
            close("tanh", -x, of(tanh_accurate, -x), -f64::from(x).tanh());
            close("tanh", x, of(tanh_accurate, x), f64::from(x).tanh());
            let u = f64::from(x * 1e-3);
            close("log_one_plus", x * 1e-3, of(log_one_plus, x * 1e-3), u.ln_1p());
            if (x - 1.0).abs() > 1e-3 {
                close("log", x, of(logarithm, x), f64::from(x).ln());
            }
            let wide = x * 8.5 - 85.0;
            close("exp", wide, of(exponential, wide), f64::from(wide).exp());
        }
        for x in [1e-40_f32, 1e-30, 1e30, f32::MAX] {
            close("log", x, of(logarithm, x), f64::from(x).ln());
        }
    }

    #[test]
    fn functions_have_ends() {
        let infinity = f32::INFINITY;
        assert_eq!(
            [-infinity, -200.0, 200.0, infinity].map(|x| of(exponential, x)),
            [0.0, 0.0, infinity, infinity]
        );
        assert_eq!([0.0, infinity].map(|x| of(logarithm, x)), [-infinity, infinity]);
        assert_eq!([-infinity, infinity].map(|x| of(tanh_accurate, x)), [-1.0, 1.0]);
        for f in [exponential, logarithm, tanh_accurate, logistic, abs, sqrt] {
            assert!(of(f, f32::NAN).is_nan());
        }
        assert!(of(logarithm, -1.0).is_nan());
        let ends = |f: fn(F32x4, F32x4) -> F32x4, a, b| f(splat(a), splat(b)).lanes()[0];
        assert!(ends(larger, f32::NAN, 1.0).is_nan() && ends(larger, 1.0, f32::NAN).is_nan());
        assert!(ends(smaller, f32::NAN, 1.0).is_nan() && ends(smaller, 1.0, f32::NAN).is_nan());
        assert_eq!(ends(power, -2.0, 3.0), -8.0);
        assert_eq!(ends(power, -3.0, 2.0), 9.0);
        assert_eq!(ends(power, 0.0, 0.5), 0.0);
        assert_eq!(ends(power, 0.0, -1.0), infinity);
        assert_eq!(ends(power, 0.0, 0.0), 1.0);
        assert!(ends(power, -2.0, 0.5).is_nan());
    }
}
