//! The update u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j], cap).

use crate::blocks::block_operands::{StoredOperand, Vector};
use crate::blocks::block_table::Block;
use crate::blocks::tiles::Run;
use crate::operands::In;
use crate::simd::f32x4::F32x4;
use crate::simd::groups::largest;
use crate::storage::stored::Stored;

/// Gradients [batch, rows, cols] with the factors that make them the update.
pub struct Update<'a> {
    pub block: &'a Block,
    pub grad: Stored<'a>,
    /// [batch, rows], [batch, cols]
    row_factors: &'a [f32],
    col_factors: &'a [f32],
    cap: f32,
    largest_col_factor: f32,
    /// u is multiplied by `sign * share`. The share is positive, so that the cap may be multiplied by it as factors are.
    share: f32,
    sign: f32,
    /// Whether no product of a row's and a column's factor reaches the cap.
    is_below_cap: bool,
}

/// The factors of a run: u = g min(row factor * column factor, cap).
pub struct Factors<'a, const ROWS: usize, const CAPPED: bool> {
    rows: [RowFactor<CAPPED>; ROWS],
    pub cols: &'a [f32],
}

/// The factor of one row.
#[derive(Clone, Copy)]
pub struct RowFactor<const CAPPED: bool> {
    row: F32x4,
    cap: F32x4,
    sign: F32x4,
}

impl<const ROWS: usize, const CAPPED: bool> Factors<'_, ROWS, CAPPED> {
    /// u of four elements.
    #[inline(always)]
    pub fn update(&self, row: usize, grad: F32x4, col_factor: F32x4) -> F32x4 {
        self.rows[row].update(grad, col_factor)
    }
}

impl<const CAPPED: bool> Factors<'_, 1, CAPPED> {
    /// The factor of the only row.
    pub fn row(&self) -> RowFactor<CAPPED> {
        self.rows[0]
    }
}

impl<const CAPPED: bool> RowFactor<CAPPED> {
    /// u of four elements.
    #[inline(always)]
    pub fn update(self, grad: F32x4, col_factor: F32x4) -> F32x4 {
        let factor = self.row * col_factor;
        grad * if CAPPED { self.sign * factor.min(self.cap) } else { factor }
    }
}

impl<'a> Update<'a> {
    /// `factors`: [batch, rows], [batch, cols], the cap.
    pub fn of(block: &'a Block, grad: Stored<'a>, factors: &'a [f32]) -> Self {
        let (row_factors, rest) = factors.split_at(block.batch() * block.rows());
        let (col_factors, cap) = rest.split_at(block.batch() * block.cols());
        let largest_col_factor = largest(col_factors);
        let (cap, share, sign) = (cap[0], 1.0, 1.0);
        let is_below_cap = false;
        Self {
            block,
            grad,
            row_factors,
            col_factors,
            cap,
            largest_col_factor,
            share,
            sign,
            is_below_cap,
        }
        .times(1.0)
    }

    /// `share` times the update.
    pub fn times(&self, share: f32) -> Self {
        // Times 0, an infinite factor must be capped first.
        let (share, sign) = if share == 0.0 { (1.0, 0.0) } else { (share.abs(), share.signum()) };
        let mut update = Self { share, sign, ..*self };
        update.is_below_cap = sign != 0.0 && update.is_row_below_cap(largest(self.row_factors));
        update
    }

    /// Whether a factor of the run may be above the cap. In most runs none is, and they need no comparison: the results have
    /// the same bits either way.
    #[inline(always)]
    pub fn reaches_cap(&self, run: &Run) -> bool {
        if self.is_below_cap {
            return false;
        }
        let below = |row| self.is_row_below_cap(self.row_factor(run, row));
        self.sign == 0.0 || !(0..run.count).all(below)
    }

    /// False for NaN.
    #[inline(always)]
    fn is_row_below_cap(&self, row_factor: f32) -> bool {
        self.share * row_factor * self.largest_col_factor <= self.share * self.cap
    }

    #[inline(always)]
    fn row_factor(&self, run: &Run, row: usize) -> f32 {
        self.row_factors[run.b * self.block.rows() + run.i(row)]
    }

    /// The factors of a run of `ROWS` rows, `CAPPED` unless `reaches_cap` is false.
    #[inline(always)]
    pub fn factors<const ROWS: usize, const CAPPED: bool>(
        &self,
        run: &Run,
    ) -> Factors<'_, ROWS, CAPPED> {
        let first_col = run.b * self.block.cols() + run.cols.start;
        let cap = F32x4::splat(self.share * self.cap);
        let sign = F32x4::splat(self.sign);
        let share = if CAPPED { self.share } else { self.sign * self.share };
        let row = |row: usize| F32x4::splat(share * self.row_factor(run, row));
        Factors {
            rows: core::array::from_fn(|i| RowFactor { row: row(i), cap, sign }),
            cols: &self.col_factors[first_col..first_col + run.len()],
        }
    }
}

/// The update of a block, from a call's operands.
pub fn bound_update<'a>(
    block: &'a Block,
    grad: In,
    operand: &StoredOperand,
    factors: In,
    factors_length: u32,
) -> Update<'a> {
    let factors = Vector::new("factors", factors, factors_length);
    let length = block.batch() * (block.rows() + block.cols()) + 1;
    let grad = operand.read(grad, block.grad_offset, block.count());
    Update::of(block, grad, factors.read(block.factors, length))
}
