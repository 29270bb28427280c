//! A row of 16-bit elements changed in one loop: widened, changed, rounded, and the squares of what it is now summed.
//!
//! The loop rounds as fast as it can, which is wrong for what is hardly ever met: NaN, infinity, what overflows. It notes
//! where it met that, and the row's elements stay as they were; `stored_runs` then takes the row again.

use crate::bits::{HALF_LANES, Halves, Words};
use crate::groups::{ABREAST, total};
use crate::half::{Format, Plain, Reader, padded};
use crate::simd::F32x4;
use crate::stochastic::{Dice, Stochastic};
use crate::stored_runs::Rounding;
use crate::tiles::{RUN, Run};

/// Room for a row of a run.
pub type Row = [u16; RUN];

/// How the eight numbers at a place of the row are rounded; the rest as `Format::round`.
pub trait Rounder: Copy {
    fn round(self, x: [F32x4; 2], at: usize, unfit: &mut Words) -> (Halves, [F32x4; 2]);
}

#[derive(Clone, Copy)]
pub struct ToNearest<F>(pub F);

impl<F: Format> Rounder for ToNearest<F> {
    #[inline(always)]
    fn round(self, x: [F32x4; 2], _: usize, unfit: &mut Words) -> (Halves, [F32x4; 2]) {
        self.0.round(x, unfit)
    }
}

/// With the random bits of index `first` and those that follow.
#[derive(Clone, Copy)]
pub struct AtRandom<F: Stochastic> {
    pub dice: Dice<F>,
    pub first: u32,
}

impl<F: Stochastic> Rounder for AtRandom<F> {
    #[inline(always)]
    fn round(self, x: [F32x4; 2], at: usize, unfit: &mut Words) -> (Halves, [F32x4; 2]) {
        let halves = self.dice.round(x, self.first.wrapping_add(at as u32), unfit);
        (halves, self.dice.format.widen_magnitudes(halves))
    }
}

/// rows = change(column, read, rows), for the rows of one run: the first is rounded as `rounding` says, others to the
/// nearest.
pub struct Change<'a, C> {
    /// Of one row.
    pub run: &'a Run,
    pub column: &'a [f32],
    pub rounding: &'a Rounding<'a>,
    pub change: C,
}

impl<C> Change<'_, C> {
    /// The sum of the squares of what the first row is now, as `sum_squares` adds them. None where that cannot be had so
    /// fast: then nothing was changed.
    #[inline(always)]
    pub fn rows<F: Stochastic, R: Reader, const ROWS: usize>(
        &self,
        read: &[R::Stored],
        rows: [&mut [u16]; ROWS],
        buffers: &mut [Row; ROWS],
    ) -> Option<f32>
    where
        C: Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS],
    {
        match *self.rounding {
            Rounding::ToNearest => {
                self.rows_rounded::<F, R, ROWS>(read, rows, buffers, ToNearest(F::new()))
            }
            Rounding::Stochastic { key, block } => {
                let (col, following) = block.global_col(self.run.cols.start);
                if following < self.run.len() {
                    return None;
                }
                let first = block.global_row(self.run.b, self.run.i).wrapping_add(col);
                let rounder = AtRandom { dice: Dice::<F>::new(key), first };
                self.rows_rounded::<F, R, ROWS>(read, rows, buffers, rounder)
            }
        }
    }

    #[inline(always)]
    fn rows_rounded<F: Format, R: Reader, const ROWS: usize>(
        &self,
        read: &[R::Stored],
        mut rows: [&mut [u16]; ROWS],
        buffers: &mut [Row; ROWS],
        rounder: impl Rounder,
    ) -> Option<f32>
    where
        C: Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS],
    {
        let Self { column, change, .. } = self;
        let len = column.len();
        assert!(read.len() == len && len <= RUN && rows.iter().all(|row| row.len() == len));
        let mut unfit = Words::splat(0);
        let whole = len / STEP * STEP;
        let old = rows.each_ref().map(|row| &row[..whole]);
        let new = buffers.each_mut().map(|row| &mut row[..whole]);
        let eights = Eights { column: &column[..whole], read: &read[..whole], old, new, at: 0 };
        let mut sums = eights.change::<F, R>(rounder, change, &mut unfit);
        if whole < len {
            let old = rows.each_ref().map(|row| padded::<_, STEP>(&row[whole..]));
            let mut new = [[0; STEP]; ROWS];
            let eights = Eights {
                column: &padded::<_, STEP>(&column[whole..]),
                read: &padded::<_, STEP>(&read[whole..]),
                old: old.each_ref().map(|row| &row[..]),
                new: new.each_mut().map(|row| &mut row[..]),
                at: whole,
            };
            // As `sum_squares` adds: what is left after the last whole step all goes to the first sum.
            for sum in eights.change::<F, R>(rounder, change, &mut unfit) {
                sums[0] += sum;
            }
            for (row, new) in buffers.iter_mut().zip(new) {
                row[whole..len].copy_from_slice(&new[..len - whole]);
            }
        }
        if unfit.any() {
            return None;
        }
        for (row, new) in rows.iter_mut().zip(buffers) {
            row.copy_from_slice(&new[..len]);
        }
        Some(total(sums))
    }
}

/// Slices of one length, whole steps, the first of them at place `at` of their row.
struct Eights<'a, T, const ROWS: usize> {
    column: &'a [f32],
    read: &'a [T],
    old: [&'a [u16]; ROWS],
    new: [&'a mut [u16]; ROWS],
    at: usize,
}

impl<T, const ROWS: usize> Eights<'_, T, ROWS> {
    /// new = change(column, read, old); the squares of the first, by every `ABREAST`th group of four.
    #[inline(never)]
    fn change<F: Format, R: Reader<Stored = T>>(
        self,
        rounder: impl Rounder,
        change: &impl Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS],
        unfit: &mut Words,
    ) -> [F32x4; ABREAST] {
        let Self { column, read, old, new, at: place } = self;
        let (format, reader) = (F::new(), R::reader());
        let mut sums = [F32x4::splat(0.0); ABREAST];
        let mut seen = Words::splat(0);
        for step in (0..column.len()).step_by(STEP) {
            for k in 0..2 {
                let at = step + k * HALF_LANES;
                // SAFETY: at + 8 <= the length of every slice.
                unsafe {
                    let column = Plain.load(column, at);
                    let read = reader.load(read, at);
                    let old = old.map(|row| format.load(row, at));
                    let [low, high] = [0, 1]
                        .map(|half| change(column[half], read[half], old.map(|eight| eight[half])));
                    for row in 1..ROWS {
                        format.round([low[row], high[row]], &mut seen).0.store(new[row], at);
                    }
                    let (halves, [low, high]) =
                        rounder.round([low[0], high[0]], place + at, &mut seen);
                    halves.store(new[0], at);
                    sums[2 * k] += low * low;
                    sums[2 * k + 1] += high * high;
                }
            }
        }
        *unfit = unfit.or(seen);
        sums
    }
}

/// Elements of a step, which has `ABREAST` groups of four.
const STEP: usize = 2 * HALF_LANES;
