//! Elements stored in 16 bits: f16 (IEEE 754 half: 5 bits of exponent, 10 of fraction) and bf16 (the upper half of an f32).
//!
//! Widening is exact, and keeps the payload of a NaN. Narrowing rounds to the nearest, ties to even, beyond the largest to
//! infinity; a NaN stays one, made quiet. Arithmetic on lanes, almost without branches.

use crate::simd::f32x4::{F32x4, LANES};
use crate::simd::u16x8::U16x8;
use crate::simd::u32x4::U32x4;

/// The 16-bit formats by value, for calls that learn theirs at run time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    F16,
    Bf16,
}

/// How an element is stored in 16 bits; a value has the constants that conversions in a loop need.
pub trait Format: Copy {
    fn new() -> Self;
    fn widen(self, halves: U16x8) -> [F32x4; 2];
    /// As `widen`, faster where all of them are normal numbers; a NaN may be made quiet.
    fn widen_all<const N: usize>(self, halves: [U16x8; N]) -> [[F32x4; 2]; N];
    /// As `widen_all`, perhaps without the signs.
    fn widen_magnitudes<const N: usize>(self, halves: [U16x8; N]) -> [[F32x4; 2]; N];
    fn narrow(self, x: [F32x4; 2]) -> U16x8 {
        U16x8::narrow(x.map(|x| self.narrow_words(x)))
    }
    /// Four f32 as elements, each in the lower half of a word.
    fn narrow_words(self, x: F32x4) -> U32x4;
    /// What `round` notes of the numbers that it is given.
    type Seen: Copy + Default;
    fn both(one: Self::Seen, other: Self::Seen) -> Self::Seen;
    /// As `narrow`, and the numbers that come of it, perhaps without their signs: in fewer instructions, but right only where
    /// `unfit` says so of what was seen.
    fn round(self, x: [F32x4; 2]) -> (U16x8, [F32x4; 2], Self::Seen);
    /// Whether a number was not fit for `round`. `sum` is one of all numbers that came of it, or of their squares.
    fn unfit(self, seen: Self::Seen, sum: F32x4) -> bool;
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

/// How elements are read together with others, which are stored in 16 bits.
pub trait Beside<F: Format>: Reader {
    /// `slice[at..at + 8]`, and `halves` as f32; a NaN may be made quiet.
    ///
    /// # Safety
    /// `at + 8 <= slice.len()`.
    unsafe fn load_beside<const ROWS: usize>(
        self,
        slice: &[Self::Stored],
        at: usize,
        format: F,
        halves: [U16x8; ROWS],
    ) -> ([F32x4; 2], [[F32x4; 2]; ROWS]);
}

impl<F: Format> Beside<F> for F {
    #[inline(always)]
    unsafe fn load_beside<const ROWS: usize>(
        self,
        slice: &[u16],
        at: usize,
        format: F,
        halves: [U16x8; ROWS],
    ) -> ([F32x4; 2], [[F32x4; 2]; ROWS]) {
        let first = unsafe { U16x8::load(slice, at) };
        let mut rows = [[F32x4::splat(0.0); 2]; ROWS];
        // As an array of one more than `ROWS` has no type.
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

impl<F: Format> Beside<F> for Plain {
    #[inline(always)]
    unsafe fn load_beside<const ROWS: usize>(
        self,
        slice: &[f32],
        at: usize,
        format: F,
        halves: [U16x8; ROWS],
    ) -> ([F32x4; 2], [[F32x4; 2]; ROWS]) {
        (unsafe { self.load(slice, at) }, format.widen_all(halves))
    }
}

/// The first elements of some, the rest 0.
#[inline(always)]
pub fn padded<T: Copy + Default, const LENGTH: usize>(slice: &[T]) -> [T; LENGTH] {
    let mut all = [T::default(); LENGTH];
    all[..slice.len()].copy_from_slice(slice);
    all
}
