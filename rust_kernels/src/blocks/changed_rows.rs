//! Rows of 16-bit elements changed in one loop: widened, changed, rounded, and the squares of the rounded elements summed.
//!
//! The loop rounds by a fast path that is wrong for rare values: NaN, infinity, overflow. Before it stores sixteen elements
//! it checks that the fast path did not fail; where it did, those elements are changed by an exact path instead.

use crate::blocks::stored_runs::Rounding;
use crate::blocks::tiles::Run;
use crate::simd::f32x4::F32x4;
use crate::simd::u16x8::{HALF_LANES, U16x8};
use crate::storage::half::{F32, Format, JointReader, Reader, padded};
use crate::storage::rounders::{NearestRounder, Rounder, StochasticRounder};
use crate::storage::stochastic::{RandomRounding, Stochastic};

/// rows = change(column, read, rows), for rows at the same place of several operands: the first operand's is rounded by
/// `rounding`, the others' to the nearest.
pub struct Change<'a, C> {
    /// A run of one row.
    pub run: &'a Run,
    pub column: &'a [f32],
    pub rounding: &'a Rounding<'a>,
    /// Captures no references, so that its captures stay in registers.
    pub change: C,
}

impl<C: Copy> Change<'_, C> {
    /// The sum of the squares of the first row's new elements. None, with nothing changed, where the row's elements have no
    /// consecutive indices for stochastic rounding.
    #[inline(always)]
    pub fn rows<F: Stochastic, R: JointReader<F>, const ROWS: usize>(
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
                Some(pieces.change::<F, R, _, C>(NearestRounder(F::new()), change))
            }
            Rounding::Stochastic { key, block } => {
                let (col, following) = block.global_col(run.cols.start);
                if following < run.len() {
                    return None;
                }
                let first = block.global_row(run.b, run.i(0)).wrapping_add(col);
                let pieces = Pieces { column, read, rows, at: 0 };
                let rounder = StochasticRounder { random: RandomRounding::<F>::new(key), first };
                Some(pieces.change::<F, R, _, C>(rounder, change))
            }
        }
    }
}

/// Slices of one length that begin at index `at` of their row.
struct Pieces<'a, T, const ROWS: usize> {
    column: &'a [f32],
    read: &'a [T],
    rows: [&'a mut [u16]; ROWS],
    at: usize,
}

impl<T: Copy + Default, const ROWS: usize> Pieces<'_, T, ROWS> {
    /// rows = change(column, read, rows), and the sum of the squares of the first.
    #[inline(never)]
    fn change<F: Format, R: JointReader<F, Stored = T>, D: Rounder, C>(
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
            // The fast loop calls nothing, so that its constants stay in registers.
            (at, sum) = self.change_fast(at, whole, sum, tools, change);
            if at == whole {
                break;
            }
            sum += self.change_exact::<F, R, D, C>(at, rounder, change);
            at += STEP;
        }
        sum.sum()
            + if whole < len {
                self.change_remainder::<F, R, D, C>(whole, rounder, change)
            } else {
                0.0
            }
    }

    /// Changes elements from `start` on by the fast path, until it fails or `end` is reached: where it stopped, and `sum`
    /// plus the squares.
    #[inline(always)]
    fn change_fast<F: Format, R: JointReader<F, Stored = T>, D: Rounder, C>(
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
                if rounder.failed(D::merge(first.check, second.check), squares) {
                    return (at, sum);
                }
                for row in 1..ROWS {
                    let check = F::merge(first.checks_of_others[row], second.checks_of_others[row]);
                    if format.failed(check, first.sums[row] + second.sums[row]) {
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

    /// Eight elements of each row by the fast path, not stored yet.
    ///
    /// # Safety
    /// `at + 8 <=` the length of every slice.
    #[inline(always)]
    unsafe fn eight<F: Format, R: JointReader<F, Stored = T>, D: Rounder, C>(
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
            let (read, old) = reader.load_jointly(self.read, at, format, halves);
            (F32.load(self.column, at), read, old)
        };
        let [low, high] =
            [0, 1].map(|half| change(column[half], read[half], old.map(|row| row[half])));
        let (halves, [a, b], check) = rounder.round_fast([low[0], high[0]], self.at + at);
        let mut rows = [halves; ROWS];
        let (mut checks_of_others, mut sums) = ([F::Check::default(); ROWS], [a; ROWS]);
        for row in 1..ROWS {
            let (halves, [a, b], check) = format.round_fast([low[row], high[row]]);
            (rows[row], sums[row], checks_of_others[row]) = (halves, a + b, check);
        }
        Eight { rows, squares: a * a + b * b, check, sums, checks_of_others }
    }

    /// Changes 16 elements by the exact path.
    #[inline(never)]
    fn change_exact<F: Format, R: JointReader<F, Stored = T>, D: Rounder, C>(
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
                let (column, read) = (F32.load(self.column, at), reader.load(self.read, at));
                let old: [_; ROWS] = core::array::from_fn(|row| format.load(self.rows[row], at));
                let [low, high] =
                    [0, 1].map(|half| change(column[half], read[half], old.map(|row| row[half])));
                for row in 1..ROWS {
                    format.narrow([low[row], high[row]]).store(self.rows[row], at);
                }
                let halves = rounder.round_exact([low[0], high[0]], self.at + at);
                halves.store(self.rows[0], at);
                let [a, b] = format.widen(halves);
                sum += a * a + b * b;
            }
        }
        sum
    }

    /// Changes the last elements, fewer than `STEP`, from `start` on.
    #[inline(never)]
    fn change_remainder<F: Format, R: JointReader<F, Stored = T>, D: Rounder, C>(
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

/// Eight new elements of each row, and the check of whether the fast path failed.
struct Eight<F: Format, D: Rounder, const ROWS: usize> {
    rows: [U16x8; ROWS],
    /// Of the first row.
    squares: F32x4,
    check: D::Check,
    /// Of the others.
    sums: [F32x4; ROWS],
    checks_of_others: [F::Check; ROWS],
}

/// Elements that are checked together.
const STEP: usize = 2 * HALF_LANES;
