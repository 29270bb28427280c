//! Elements stored in 16 bits: f16 (IEEE 754 half: 5 bits of exponent, 10 of fraction) and bf16 (the upper half of an f32).
//!
//! Widening is exact, and keeps the payload of a NaN. Narrowing rounds to the nearest, ties to even, beyond the largest to
//! infinity; a NaN stays NaN, made quiet. All of it is arithmetic on lanes, almost without branches.

use crate::simd::f32x4::{F32x4, LANES};
use crate::simd::u16x8::U16x8;
use crate::simd::u32x4::U32x4;

/// The 16-bit formats as values, for calls that choose at run time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    F16,
    Bf16,
}

/// A 16-bit format. Its value holds the constants that conversions in a loop need.
pub trait Format: Copy {
    /// Loads the constants: before a loop.
    fn new() -> Self;
    /// Eight elements as f32.
    fn widen(self, halves: U16x8) -> [F32x4; 2];
    /// As `widen`, faster where all of them are normal numbers; a NaN may be made quiet.
    fn widen_all<const N: usize>(self, halves: [U16x8; N]) -> [[F32x4; 2]; N];
    /// As `widen_all`; signs may be lost.
    fn widen_magnitudes<const N: usize>(self, halves: [U16x8; N]) -> [[F32x4; 2]; N];
    /// Eight f32 rounded to the nearest.
    fn narrow(self, x: [F32x4; 2]) -> U16x8 {
        U16x8::narrow(x.map(|x| self.narrow_words(x)))
    }
    /// Four f32 as elements, each in the lower half of a word.
    fn narrow_words(self, x: F32x4) -> U32x4;
    /// The sums of its inputs that `round_fast` keeps for `failed`.
    type Check: Copy + Default;
    /// Joins the sums of two calls.
    fn merge(one: Self::Check, other: Self::Check) -> Self::Check;
    /// As `narrow`, with the rounded numbers as f32 (signs may be lost): in fewer instructions, but wrong for rare inputs,
    /// which `failed` reports from what was kept.
    fn round_fast(self, x: [F32x4; 2]) -> (U16x8, [F32x4; 2], Self::Check);
    /// Whether `round_fast` was wrong for any input. `sum` is the sum of all rounded numbers, or of their squares.
    fn failed(self, check: Self::Check, sum: F32x4) -> bool;
}

/// Reads elements as f32, eight at a time. Its value holds the constants that a loop needs.
pub trait Reader: Copy {
    /// An element in memory.
    type Stored: Copy + Default;
    /// Loads the constants: before a loop.
    fn reader() -> Self;
    /// `slice[at..at + 8]`.
    ///
    /// # Safety
    /// `at + 8 <= slice.len()`.
    unsafe fn load(self, slice: &[Self::Stored], at: usize) -> [F32x4; 2];
    /// `row[at..at + 8]` of each row; signs may be lost.
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
        self.widen(unsafe { U16x8::load(slice, at) })
    }
    #[inline(always)]
    unsafe fn load_magnitudes<const ROWS: usize>(
        self,
        rows: [&[u16]; ROWS],
        at: usize,
    ) -> [[F32x4; 2]; ROWS] {
        self.widen_magnitudes(rows.map(|row| unsafe { U16x8::load(row, at) }))
    }
}

/// Elements stored as f32.
#[derive(Clone, Copy)]
pub struct F32;

impl Reader for F32 {
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

/// Reads elements together with those of other rows, which are stored in 16 bits.
pub trait JointReader<F: Format>: Reader {
    /// `slice[at..at + 8]`, and `halves` as f32; a NaN may be made quiet.
    ///
    /// # Safety
    /// `at + 8 <= slice.len()`.
    unsafe fn load_jointly<const ROWS: usize>(
        self,
        slice: &[Self::Stored],
        at: usize,
        format: F,
        halves: [U16x8; ROWS],
    ) -> ([F32x4; 2], [[F32x4; 2]; ROWS]);
}

impl<F: Format> JointReader<F> for F {
    #[inline(always)]
    unsafe fn load_jointly<const ROWS: usize>(
        self,
        slice: &[u16],
        at: usize,
        format: F,
        halves: [U16x8; ROWS],
    ) -> ([F32x4; 2], [[F32x4; 2]; ROWS]) {
        let first = unsafe { U16x8::load(slice, at) };
        let mut rows = [[F32x4::splat(0.0); 2]; ROWS];
        // The type of an array of ROWS + 1 cannot be written.
        match ROWS {
            1 => {
                let [first, only] = format.widen_all([first, halves[0]]);
                rows[0] = only;
                (first, rows)
            }
            2 => {
                let [first, one, other] = format.widen_all([first, halves[0], halves[1]]);
                (rows[0], rows[1]) = (one, other);
                (first, rows)
            }
            _ => (format.widen(first), format.widen_all(halves)),
        }
    }
}

impl<F: Format> JointReader<F> for F32 {
    #[inline(always)]
    unsafe fn load_jointly<const ROWS: usize>(
        self,
        slice: &[f32],
        at: usize,
        format: F,
        halves: [U16x8; ROWS],
    ) -> ([F32x4; 2], [[F32x4; 2]; ROWS]) {
        (unsafe { self.load(slice, at) }, format.widen_all(halves))
    }
}

/// `slice`, filled up with zeros.
#[inline(always)]
pub fn padded<T: Copy + Default, const LENGTH: usize>(slice: &[T]) -> [T; LENGTH] {
    let mut all = [T::default(); LENGTH];
    all[..slice.len()].copy_from_slice(slice);
    all
}
