//! How f32 become the 16-bit elements of a row: to the nearest, or at random. Either way fast for what a parameter is as a
//! rule, and another way for everything.

use crate::simd::f32x4::F32x4;
use crate::simd::u16x8::U16x8;
use crate::simd::u32x4::U32x4;
use crate::storage::half::Format;
use crate::storage::stochastic::{Dice, Stochastic};

/// How the eight numbers at a place of the row are rounded.
pub trait Rounder: Copy {
    type Seen: Copy;
    fn both(one: Self::Seen, other: Self::Seen) -> Self::Seen;
    /// As `Format::round`.
    fn round(self, x: [F32x4; 2], at: usize) -> (U16x8, [F32x4; 2], Self::Seen);
    /// As `Format::unfit`.
    fn unfit(self, seen: Self::Seen, sum: F32x4) -> bool;
    fn round_any(self, x: [F32x4; 2], at: usize) -> U16x8;
}

#[derive(Clone, Copy)]
pub struct ToNearest<F>(pub F);

impl<F: Format> Rounder for ToNearest<F> {
    type Seen = F::Seen;
    #[inline(always)]
    fn both(one: F::Seen, other: F::Seen) -> F::Seen {
        F::both(one, other)
    }
    #[inline(always)]
    fn round(self, x: [F32x4; 2], _: usize) -> (U16x8, [F32x4; 2], F::Seen) {
        self.0.round(x)
    }
    #[inline(always)]
    fn unfit(self, seen: F::Seen, sum: F32x4) -> bool {
        self.0.unfit(seen, sum)
    }
    #[inline(always)]
    fn round_any(self, x: [F32x4; 2], _: usize) -> U16x8 {
        self.0.narrow(x)
    }
}

/// With the random bits of index `first` and those that follow.
#[derive(Clone, Copy)]
pub struct AtRandom<F: Stochastic> {
    pub dice: Dice<F>,
    pub first: u32,
}

impl<F: Stochastic> AtRandom<F> {
    #[inline(always)]
    fn index(self, at: usize) -> u32 {
        self.first.wrapping_add(at as u32)
    }
}

impl<F: Stochastic> Rounder for AtRandom<F> {
    type Seen = U32x4;
    #[inline(always)]
    fn both(one: U32x4, other: U32x4) -> U32x4 {
        one.or(other)
    }
    #[inline(always)]
    fn round(self, x: [F32x4; 2], at: usize) -> (U16x8, [F32x4; 2], U32x4) {
        let halves = self.dice.round(x, self.index(at));
        let [rounded] = self.dice.format.widen_magnitudes([halves]);
        let [low, high] = x.map(|x| self.dice.unbounded(x));
        (halves, rounded, low.or(high))
    }
    #[inline(always)]
    fn unfit(self, seen: U32x4, _: F32x4) -> bool {
        seen.any()
    }
    #[inline(always)]
    fn round_any(self, x: [F32x4; 2], at: usize) -> U16x8 {
        self.dice.round_any(x, self.index(at))
    }
}
