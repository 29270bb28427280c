//! The update u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j], cap).

use crate::block_table::Block;
use crate::cast::Stored;
use crate::groups::largest;
use crate::simd::F32x4;
use crate::tiles::Run;

/// Gradients [batch, rows, cols] with the factors that make them the update.
pub struct Update<'a> {
    pub block: &'a Block,
    pub grad: Stored<'a>,
    /// [batch, rows], [batch, cols]
    row_factors: &'a [f32],
    col_factors: &'a [f32],
    cap: f32,
    largest_col_factor: f32,
}

/// What the gradients of a run are multiplied by.
pub struct Factors<'a, const ROWS: usize, const CAPPED: bool> {
    rows: [F32x4; ROWS],
    pub cols: &'a [f32],
    cap: F32x4,
}

impl<const ROWS: usize, const CAPPED: bool> Factors<'_, ROWS, CAPPED> {
    /// u of four elements.
    #[inline(always)]
    pub fn update(&self, row: usize, grad: F32x4, col_factor: F32x4) -> F32x4 {
        let factor = self.rows[row] * col_factor;
        grad * if CAPPED { factor.min(self.cap) } else { factor }
    }
}

impl<'a> Update<'a> {
    /// `factors`: [batch, rows], [batch, cols], the cap.
    pub fn of(block: &'a Block, grad: Stored<'a>, factors: &'a [f32]) -> Self {
        let (row_factors, rest) = factors.split_at(block.batch() * block.rows());
        let (col_factors, cap) = rest.split_at(block.batch() * block.cols());
        let largest_col_factor = largest(col_factors);
        Self { block, grad, row_factors, col_factors, cap: cap[0], largest_col_factor }
    }

    /// Whether some factor of the run may be above the cap. In most runs there is none, and they do without a comparison:
    /// the results have the same bits either way.
    #[inline(always)]
    pub fn reaches_cap(&self, run: &Run) -> bool {
        let below = |factor: &f32| factor * self.largest_col_factor <= self.cap;
        !self.row_factors[run.b * self.block.rows() + run.i..][..run.count].iter().all(below)
    }

    #[inline(always)]
    pub fn factors<const ROWS: usize, const CAPPED: bool>(
        &self,
        run: &Run,
    ) -> Factors<'_, ROWS, CAPPED> {
        let first_row = run.b * self.block.rows() + run.i;
        let first_col = run.b * self.block.cols() + run.cols.start;
        Factors {
            rows: core::array::from_fn(|row| F32x4::splat(self.row_factors[first_row + row])),
            cols: &self.col_factors[first_col..first_col + run.len()],
            cap: F32x4::splat(self.cap),
        }
    }
}
