//! Four f32 lanes: WASM's v128, or a plain array in native tests.

use core::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::*;

/// Lanes of 32 bits in 128.
pub const LANES: usize = 4;

/// Four f32 lanes.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
pub struct F32x4(pub(super) v128);

#[cfg(target_arch = "wasm32")]
impl F32x4 {
    /// `x` in all lanes.
    #[inline(always)]
    pub fn splat(x: f32) -> Self {
        Self(f32x4_splat(x))
    }
    /// Loads `slice[at..at + 4]`.
    ///
    /// # Safety
    /// `at + 4 <= slice.len()`.
    #[inline(always)]
    pub unsafe fn load(slice: &[f32], at: usize) -> Self {
        debug_assert!(at + LANES <= slice.len());
        Self(unsafe { v128_load(slice.as_ptr().add(at).cast()) })
    }
    /// Stores to `slice[at..at + 4]`.
    ///
    /// # Safety
    /// `at + 4 <= slice.len()`.
    #[inline(always)]
    pub unsafe fn store(self, slice: &mut [f32], at: usize) {
        debug_assert!(at + LANES <= slice.len());
        unsafe { v128_store(slice.as_mut_ptr().add(at).cast(), self.0) }
    }
    /// The four lanes.
    #[inline(always)]
    pub fn lanes(self) -> [f32; LANES] {
        let v = self.0;
        [
            f32x4_extract_lane::<0>(v),
            f32x4_extract_lane::<1>(v),
            f32x4_extract_lane::<2>(v),
            f32x4_extract_lane::<3>(v),
        ]
    }
    /// The larger of each pair; NaN if either is NaN.
    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self(f32x4_max(self.0, other.0))
    }
    /// `other` where it is larger, else `self`; `self` too where either is NaN.
    #[inline(always)]
    pub fn larger(self, other: Self) -> Self {
        // One instruction, where f32x4_max is several.
        Self(f32x4_pmax(self.0, other.0))
    }
    /// `other` where it is smaller, else `self`; `self` too where either is NaN.
    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        // One instruction, where f32x4_min is several.
        Self(f32x4_pmin(self.0, other.0))
    }
    /// Clamps each lane to `low ..= high`; NaN stays NaN.
    #[inline(always)]
    pub fn clamp(self, low: f32, high: f32) -> Self {
        // pmax and pmin are one instruction each; with self first they return its NaN.
        Self(f32x4_pmin(f32x4_pmax(self.0, f32x4_splat(low)), f32x4_splat(high)))
    }
    /// Rounds to the nearest integer, ties to even.
    #[inline(always)]
    pub fn round(self) -> Self {
        Self(f32x4_nearest(self.0))
    }
    /// The square root.
    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self(f32x4_sqrt(self.0))
    }
    /// Rounds down.
    #[inline(always)]
    pub fn floor(self) -> Self {
        Self(f32x4_floor(self.0))
    }
    /// 2^x for integers x from -126 to 127.
    #[inline(always)]
    pub fn exp2_of_integer(self) -> Self {
        let biased = i32x4_add(i32x4_trunc_sat_f32x4(self.0), i32x4_splat(127));
        Self(i32x4_shl(biased, 23))
    }
    /// `then` in the lanes where `self >= bound`, else `otherwise`.
    #[inline(always)]
    pub fn where_ge(self, bound: Self, then: Self, otherwise: Self) -> Self {
        Self(v128_bitselect(then.0, otherwise.0, f32x4_ge(self.0, bound.0)))
    }
    /// `then` in the lanes where `self > bound`, else `otherwise`.
    #[inline(always)]
    pub fn where_gt(self, bound: Self, then: Self, otherwise: Self) -> Self {
        Self(v128_bitselect(then.0, otherwise.0, f32x4_gt(self.0, bound.0)))
    }
    /// `then` in the lanes where `self == other`, else `otherwise`.
    #[inline(always)]
    pub fn where_eq(self, other: Self, then: Self, otherwise: Self) -> Self {
        Self(v128_bitselect(then.0, otherwise.0, f32x4_eq(self.0, other.0)))
    }
    /// Transposes a matrix of 4 x 4.
    #[inline(always)]
    pub fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let ab_low = i32x4_shuffle::<0, 4, 1, 5>(a.0, b.0);
        let ab_high = i32x4_shuffle::<2, 6, 3, 7>(a.0, b.0);
        let cd_low = i32x4_shuffle::<0, 4, 1, 5>(c.0, d.0);
        let cd_high = i32x4_shuffle::<2, 6, 3, 7>(c.0, d.0);
        [
            Self(i64x2_shuffle::<0, 2>(ab_low, cd_low)),
            Self(i64x2_shuffle::<1, 3>(ab_low, cd_low)),
            Self(i64x2_shuffle::<0, 2>(ab_high, cd_high)),
            Self(i64x2_shuffle::<1, 3>(ab_high, cd_high)),
        ]
    }
}

#[cfg(target_arch = "wasm32")]
macro_rules! operator {
    ($trait:ident, $method:ident, $intrinsic:ident, $symbol:tt) => {
        impl $trait for F32x4 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self($intrinsic(self.0, other.0))
            }
        }
    };
}

/// Four f32 lanes; the methods are those of the WASM version.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
pub struct F32x4(pub(super) [f32; LANES]);

#[cfg(not(target_arch = "wasm32"))]
impl F32x4 {
    pub fn splat(x: f32) -> Self {
        Self([x; LANES])
    }
    /// # Safety
    /// None: this version is checked.
    pub unsafe fn load(slice: &[f32], at: usize) -> Self {
        Self(slice[at..at + LANES].try_into().unwrap())
    }
    /// # Safety
    /// None: this version is checked.
    pub unsafe fn store(self, slice: &mut [f32], at: usize) {
        slice[at..at + LANES].copy_from_slice(&self.0);
    }
    pub fn lanes(self) -> [f32; LANES] {
        self.0
    }
    pub fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a.is_nan() || a > b { a } else { b })
    }
    pub fn larger(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { b } else { a })
    }
    pub fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if b < a { b } else { a })
    }
    pub fn clamp(self, low: f32, high: f32) -> Self {
        Self(self.0.map(|x| x.clamp(low, high)))
    }
    pub fn round(self) -> Self {
        Self(self.0.map(f32::round_ties_even))
    }
    pub fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }
    pub fn floor(self) -> Self {
        Self(self.0.map(f32::floor))
    }
    pub fn exp2_of_integer(self) -> Self {
        Self(self.0.map(|x| f32::from_bits(((x as i32 + 127) as u32) << 23)))
    }
    pub fn where_ge(self, bound: Self, then: Self, otherwise: Self) -> Self {
        self.choose(bound, |a, b| a >= b, then, otherwise)
    }
    pub fn where_gt(self, bound: Self, then: Self, otherwise: Self) -> Self {
        self.choose(bound, |a, b| a > b, then, otherwise)
    }
    pub fn where_eq(self, other: Self, then: Self, otherwise: Self) -> Self {
        self.choose(other, |a, b| a == b, then, otherwise)
    }
    fn choose(self, other: Self, f: impl Fn(f32, f32) -> bool, then: Self, or: Self) -> Self {
        let lane = |i: usize| if f(self.0[i], other.0[i]) { then.0[i] } else { or.0[i] };
        Self([0, 1, 2, 3].map(lane))
    }
    pub fn transpose(rows: [Self; 4]) -> [Self; 4] {
        [0, 1, 2, 3].map(|j| Self([rows[0].0[j], rows[1].0[j], rows[2].0[j], rows[3].0[j]]))
    }
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let (a, b) = (self.0, other.0);
        Self([f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])])
    }
}

#[cfg(not(target_arch = "wasm32"))]
macro_rules! operator {
    ($trait:ident, $method:ident, $intrinsic:ident, $symbol:tt) => {
        impl $trait for F32x4 {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                self.zip(other, |a, b| a $symbol b)
            }
        }
    };
}

operator!(Add, add, f32x4_add, +);
operator!(Sub, sub, f32x4_sub, -);
operator!(Mul, mul, f32x4_mul, *);
operator!(Div, div, f32x4_div, /);

impl Neg for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(f32x4_neg(self.0));
        #[cfg(not(target_arch = "wasm32"))]
        return Self(self.0.map(|x| -x));
    }
}

impl AddAssign for F32x4 {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl F32x4 {
    /// Loads up to four elements, the rest 0.
    #[inline(always)]
    pub fn load_partial(slice: &[f32]) -> Self {
        let mut lanes = [0.0; LANES];
        lanes[..slice.len()].copy_from_slice(slice);
        // SAFETY: `lanes` has four elements.
        unsafe { Self::load(&lanes, 0) }
    }

    /// The sum of the lanes.
    #[inline(always)]
    pub fn sum(self) -> f32 {
        let [a, b, c, d] = self.lanes();
        (a + c) + (b + d)
    }

    /// A polynomial in `self`, highest coefficient first (Horner).
    #[inline(always)]
    pub fn polynomial<const N: usize>(self, coefficients: [f32; N]) -> Self {
        let mut value = Self::splat(coefficients[0]);
        for &coefficient in &coefficients[1..] {
            value = value * self + Self::splat(coefficient);
        }
        value
    }

    /// e^x, relative error <= 2e-7; arguments are clamped to -87.3 .. 88.3 (e^-87.3 is 1e-38). Cephes' expf.
    #[inline(always)]
    pub fn exp(self) -> Self {
        let x = self.clamp(-87.3, 88.3);
        // x = n ln 2 + r, |r| <= ln(2) / 2; ln 2 in two parts, so that n ln 2 is exact.
        let n = (x * Self::splat(core::f32::consts::LOG2_E)).round();
        let r = x - n * Self::splat(0.693_359_4) - n * Self::splat(-2.121_944_4e-4);
        let p = r.polynomial([
            1.987_569_1e-4,
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            5e-1,
        ]);
        (p * r * r + r + Self::splat(1.0)) * n.exp2_of_integer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate_to_2e_7() {
        for i in -8700..8800 {
            let x = i as f32 * 0.01;
            let got = f64::from(F32x4::splat(x).exp().lanes()[0]);
            let want = f64::from(x).exp();
            assert!((got / want - 1.0).abs() <= 2e-7, "exp({x}) = {got}, want {want}");
        }
    }

    #[test]
    fn transpose_swaps_rows_and_columns() {
        let row = |i: usize| F32x4::load_partial(&[0, 1, 2, 3].map(|j| (4 * i + j) as f32));
        let columns = F32x4::transpose([row(0), row(1), row(2), row(3)]);
        for (j, column) in columns.iter().enumerate() {
            assert_eq!(column.lanes(), [0, 4, 8, 12].map(|i| (i + j) as f32));
        }
    }
}
