//! A row of 16-bit elements changed in one loop: widened, changed, rounded, and the squares of what it is now summed.
//!
//! The loop rounds as fast as it can, which is wrong for what is hardly ever met: NaN, infinity, what overflows. It looks
//! before it stores, sixteen elements at a time, and those that are not fit for it are changed one way that is always right.

use crate::blocks::stored_runs::Rounding;
use crate::blocks::tiles::Run;
use crate::simd::f32x4::F32x4;
use crate::simd::u16x8::{HALF_LANES, U16x8};
use crate::storage::half::{Beside, Format, Plain, Reader, padded};
use crate::storage::rounders::{AtRandom, Rounder, ToNearest};
use crate::storage::stochastic::{Dice, Stochastic};

/// rows = change(column, read, rows), for the rows of one run: the first is rounded as `rounding` says, others to the
/// nearest.
pub struct Change<'a, C> {
    /// Of one row.
    pub run: &'a Run,
    pub column: &'a [f32],
    pub rounding: &'a Rounding<'a>,
    /// Holds no references, so that what it holds stays in registers.
    pub change: C,
}

impl<C: Copy> Change<'_, C> {
    /// The sum of the squares of what the first row is now. None where that cannot be had so fast: then nothing was
    /// changed.
    #[inline(always)]
    pub fn rows<F: Stochastic, R: Beside<F>, const ROWS: usize>(
        &self,
        read: &[R::Stored],
        rows: [&mut [u16]; ROWS],
    ) -> Option<f32>
    where
        C: Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS],
    {
        let Self { run, column, change, .. } = *self;
        match *self.rounding {
            Rounding::ToNearest => {
                let pieces = Pieces { column, read, rows, at: 0 };
                Some(pieces.change::<F, R, _, C>(ToNearest(F::new()), change))
            }
            Rounding::Stochastic { key, block } => {
                let (col, following) = block.global_col(run.cols.start);
                if following < run.len() {
                    return None;
                }
                let first = block.global_row(run.b, run.i(0)).wrapping_add(col);
                let pieces = Pieces { column, read, rows, at: 0 };
                let rounder = AtRandom { dice: Dice::<F>::new(key), first };
                Some(pieces.change::<F, R, _, C>(rounder, change))
            }
        }
    }
}

/// Slices of one length, the first of them at place `at` of their row.
struct Pieces<'a, T, const ROWS: usize> {
    column: &'a [f32],
    read: &'a [T],
    rows: [&'a mut [u16]; ROWS],
    at: usize,
}

impl<T: Copy + Default, const ROWS: usize> Pieces<'_, T, ROWS> {
    /// rows = change(column, read, rows), and the sum of the squares of the first.
    #[inline(never)]
    fn change<F: Format, R: Beside<F, Stored = T>, D: Rounder, C>(
        mut self,
        rounder: D,
        change: C,
    ) -> f32
    where
        C: Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS] + Copy,
    {
        let len = self.column.len();
        assert!(self.read.len() == len && self.rows.iter().all(|row| row.len() == len));
        let whole = len / STEP * STEP;
        let tools = (F::new(), R::reader(), rounder);
        let (mut sum, mut at) = (F32x4::splat(0.0), 0);
        loop {
            // Nothing is called in the loop over all that is fit, so that its constants stay in registers.
            (at, sum) = self.fit(at, whole, sum, tools, change);
            if at == whole {
                break;
            }
            sum += self.any::<F, R, D, C>(at, rounder, change);
            at += STEP;
        }
        sum.sum() + if whole < len { self.rest::<F, R, D, C>(whole, rounder, change) } else { 0.0 }
    }

    /// Changes steps from `start` to `end`, as far as they are fit; where it ended, and the squares with `sum`.
    #[inline(always)]
    fn fit<F: Format, R: Beside<F, Stored = T>, D: Rounder, C>(
        &mut self,
        start: usize,
        end: usize,
        mut sum: F32x4,
        tools: (F, R, D),
        change: C,
    ) -> (usize, F32x4)
    where
        C: Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS] + Copy,
    {
        let (format, _, rounder) = tools;
        for at in (start..end).step_by(STEP) {
            // SAFETY: at + 16 <= end <= the length of every slice.
            unsafe {
                let first = self.eight(at, tools, change);
                let second = self.eight(at + HALF_LANES, tools, change);
                let squares = first.squares + second.squares;
                if rounder.unfit(D::both(first.seen, second.seen), squares) {
                    return (at, sum);
                }
                for row in 1..ROWS {
                    let seen = F::both(first.seen_of_others[row], second.seen_of_others[row]);
                    if format.unfit(seen, first.sums[row] + second.sums[row]) {
                        return (at, sum);
                    }
                }
                for row in 0..ROWS {
                    first.rows[row].store(self.rows[row], at);
                    second.rows[row].store(self.rows[row], at + HALF_LANES);
                }
                sum += squares;
            }
        }
        (end, sum)
    }

    /// # Safety
    /// `at + 8 <=` the length of every slice.
    #[inline(always)]
    unsafe fn eight<F: Format, R: Beside<F, Stored = T>, D: Rounder, C>(
        &self,
        at: usize,
        (format, reader, rounder): (F, R, D),
        change: C,
    ) -> Eight<F, D, ROWS>
    where
        C: Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS],
    {
        // SAFETY: the caller's.
        let (column, read, old) = unsafe {
            let halves = core::array::from_fn(|row| U16x8::load(self.rows[row], at));
            let (read, old) = reader.load_beside(self.read, at, format, halves);
            (Plain.load(self.column, at), read, old)
        };
        let [low, high] =
            [0, 1].map(|half| change(column[half], read[half], old.map(|row| row[half])));
        let (halves, [a, b], seen) = rounder.round([low[0], high[0]], self.at + at);
        let mut rows = [halves; ROWS];
        let (mut seen_of_others, mut sums) = ([F::Seen::default(); ROWS], [a; ROWS]);
        for row in 1..ROWS {
            let (halves, [a, b], seen) = format.round([low[row], high[row]]);
            (rows[row], sums[row], seen_of_others[row]) = (halves, a + b, seen);
        }
        Eight { rows, squares: a * a + b * b, seen, sums, seen_of_others }
    }

    /// As `change`, of 16 elements that may be anything.
    #[inline(never)]
    fn any<F: Format, R: Beside<F, Stored = T>, D: Rounder, C>(
        &mut self,
        start: usize,
        rounder: D,
        change: C,
    ) -> F32x4
    where
        C: Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS],
    {
        let (format, reader) = (F::new(), R::reader());
        let mut sum = F32x4::splat(0.0);
        assert!(start + STEP <= self.column.len());
        for at in [start, start + HALF_LANES] {
            // SAFETY: at + 8 <= the length of every slice.
            unsafe {
                let (column, read) = (Plain.load(self.column, at), reader.load(self.read, at));
                let old: [_; ROWS] = core::array::from_fn(|row| format.load(self.rows[row], at));
                let [low, high] =
                    [0, 1].map(|half| change(column[half], read[half], old.map(|row| row[half])));
                for row in 1..ROWS {
                    format.narrow([low[row], high[row]]).store(self.rows[row], at);
                }
                let halves = rounder.round_any([low[0], high[0]], self.at + at);
                halves.store(self.rows[0], at);
                let [a, b] = format.widen(halves);
                sum += a * a + b * b;
            }
        }
        sum
    }

    /// As `change`, of what is less than a step, from `start` on.
    #[inline(never)]
    fn rest<F: Format, R: Beside<F, Stored = T>, D: Rounder, C>(
        &mut self,
        start: usize,
        rounder: D,
        change: C,
    ) -> f32
    where
        C: Fn(F32x4, F32x4, [F32x4; ROWS]) -> [F32x4; ROWS] + Copy,
    {
        let mut rows = self.rows.each_ref().map(|row| padded::<_, STEP>(&row[start..]));
        let pieces = Pieces {
            column: &padded::<_, STEP>(&self.column[start..]),
            read: &padded::<_, STEP>(&self.read[start..]),
            rows: rows.each_mut().map(|row| &mut row[..]),
            at: self.at + start,
        };
        let sum = pieces.change::<F, R, D, C>(rounder, change);
        for (row, padded) in self.rows.iter_mut().zip(rows) {
            let rest = &mut row[start..];
            rest.copy_from_slice(&padded[..rest.len()]);
        }
        sum
    }
}

/// What came of eight elements of each row, and what was seen.
struct Eight<F: Format, D: Rounder, const ROWS: usize> {
    rows: [U16x8; ROWS],
    /// Of the first row.
    squares: F32x4,
    seen: D::Seen,
    /// Of the others.
    sums: [F32x4; ROWS],
    seen_of_others: [F::Seen; ROWS],
}

/// Elements that are looked at together.
const STEP: usize = 2 * HALF_LANES;
