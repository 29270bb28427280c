//! Rounding f32 to the 16-bit elements of a row, to the nearest or stochastically: each has a fast path for ordinary numbers
//! and an exact path for all.

use crate::simd::f32x4::F32x4;
use crate::simd::u16x8::U16x8;
use crate::simd::u32x4::U32x4;
use crate::storage::half::Format;
use crate::storage::stochastic::{RandomRounding, Stochastic};

/// Rounds eight numbers, the first of which has index `at` in the row.
pub trait Rounder: Copy {
    /// As `Format::Check`.
    type Check: Copy;
    /// As `Format::merge`.
    fn merge(one: Self::Check, other: Self::Check) -> Self::Check;
    /// As `Format::round_fast`.
    fn round_fast(self, x: [F32x4; 2], at: usize) -> (U16x8, [F32x4; 2], Self::Check);
    /// As `Format::failed`.
    fn failed(self, check: Self::Check, sum: F32x4) -> bool;
    /// Rounds any numbers.
    fn round_exact(self, x: [F32x4; 2], at: usize) -> U16x8;
}

/// Rounds to the nearest, ties to even.
#[derive(Clone, Copy)]
pub struct NearestRounder<F>(pub F);

impl<F: Format> Rounder for NearestRounder<F> {
    type Check = F::Check;
    #[inline(always)]
    fn merge(one: F::Check, other: F::Check) -> F::Check {
        F::merge(one, other)
    }
    #[inline(always)]
    fn round_fast(self, x: [F32x4; 2], _: usize) -> (U16x8, [F32x4; 2], F::Check) {
        self.0.round_fast(x)
    }
    #[inline(always)]
    fn failed(self, check: F::Check, sum: F32x4) -> bool {
        self.0.failed(check, sum)
    }
    #[inline(always)]
    fn round_exact(self, x: [F32x4; 2], _: usize) -> U16x8 {
        self.0.narrow(x)
    }
}

/// Rounds stochastically: the row's elements have the random bits of the indices from `first` on.
#[derive(Clone, Copy)]
pub struct StochasticRounder<F: Stochastic> {
    pub random: RandomRounding<F>,
    pub first: u32,
}

impl<F: Stochastic> StochasticRounder<F> {
    #[inline(always)]
    fn index(self, at: usize) -> u32 {
        self.first.wrapping_add(at as u32)
    }
}

impl<F: Stochastic> Rounder for StochasticRounder<F> {
    type Check = U32x4;
    #[inline(always)]
    fn merge(one: U32x4, other: U32x4) -> U32x4 {
        one.or(other)
    }
    #[inline(always)]
    fn round_fast(self, x: [F32x4; 2], at: usize) -> (U16x8, [F32x4; 2], U32x4) {
        let halves = self.random.round_finite(x, self.index(at));
        let [rounded] = self.random.format.widen_magnitudes([halves]);
        let [low, high] = x.map(|x| self.random.unbounded(x));
        (halves, rounded, low.or(high))
    }
    #[inline(always)]
    fn failed(self, check: U32x4, _: F32x4) -> bool {
        check.any()
    }
    #[inline(always)]
    fn round_exact(self, x: [F32x4; 2], at: usize) -> U16x8 {
        self.random.round(x, self.index(at))
    }
}
