//! Sums of squares over the tiles of a block, over their rows and over their columns, in one pass.
//!
//! Four rows are read side by side, so that the column sums in flight are loaded and stored once for the four. A row's sum
//! is taken in f32 over a run, a column's over `RUN_ROWS` rows, a tile's in f64.

use crate::allocation::{OutOfMemory, scratch};
use crate::block_table::Block;
use crate::cast::Stored;
use crate::simd::{F32x4, LANES};
use crate::stored_runs::{Buffers, buffers, read_rows};
use crate::sums::RUN_ROWS;
use crate::tiles::{ABREAST, RUN, Run, Runs};

/// What is squared.
pub trait Rows {
    /// The run's rows, of which there are `ROWS`, where they lie in memory or made in `buffers`.
    fn rows<'a, const ROWS: usize>(
        &'a mut self,
        run: &Run,
        buffers: &'a mut Buffers,
    ) -> [&'a [f32]; ROWS];
}

impl Rows for Stored<'_> {
    #[inline(always)]
    fn rows<'a, const ROWS: usize>(
        &'a mut self,
        run: &Run,
        buffers: &'a mut Buffers,
    ) -> [&'a [f32]; ROWS] {
        read_rows(*self, run, buffers)
    }
}

/// A block's `partials`, split as `PartialsLengths` has them.
pub struct Partials<'a> {
    pub rows: &'a mut [f32],
    pub cols: &'a mut [f32],
    pub tiles: &'a mut [f32],
}

/// Sums of the squares of `x`, the elements of a block.
pub fn tile_sums(block: &Block, x: &mut impl Rows, partials: Partials) -> Result<(), OutOfMemory> {
    let (rows, cols) = (block.rows(), block.cols());
    let (down, across) = (block.down().tiles(), block.across().tiles());
    let runs = Runs::of(block)?;
    let mut column_run = scratch::<f32>(cols)?;
    let mut totals = scratch::<f64>(across)?;
    let mut buffers = buffers();
    for panel in runs.panels() {
        let tile_row = panel.b * down + panel.tile_row;
        let columns = &mut partials.cols[tile_row * cols..][..cols];
        let row_sums = &mut partials.rows[panel.b * rows * across..][..rows * across];
        totals.fill(0.0);
        for first in panel.rows.clone().step_by(RUN_ROWS) {
            let last = panel.rows.end.min(first + RUN_ROWS);
            // The first rows' column sums go where all are to be, the others are added to them.
            let is_first = first == panel.rows.start;
            let sums_of_rows = if is_first { &mut *columns } else { &mut column_run[..] };
            sums_of_rows.fill(0.0);
            runs.visit(panel.b, first..last, |run| {
                let columns = &mut sums_of_rows[run.cols.clone()];
                let mut sums = [0.0; ABREAST];
                if run.count == ABREAST {
                    sums = squares(x.rows::<ABREAST>(run, &mut buffers), columns);
                } else {
                    [sums[0]] = squares(x.rows::<1>(run, &mut buffers), columns);
                }
                for (row, sum) in sums[..run.count].iter().enumerate() {
                    let out = &mut row_sums[(run.i + row) * across + run.tile];
                    // A tile may be wider than a run.
                    *out = if starts_tile(block, run) { *sum } else { *out + sum };
                    totals[run.tile] += f64::from(*sum);
                }
            });
            if !is_first {
                for (column, sum) in columns.iter_mut().zip(&column_run) {
                    *column += sum;
                }
            }
        }
        for (out, &total) in partials.tiles[tile_row * across..].iter_mut().zip(&totals) {
            *out = total as f32;
        }
    }
    Ok(())
}

fn starts_tile(block: &Block, run: &Run) -> bool {
    block.tile_cols as usize <= RUN || block.across().tile(run.tile).start == run.cols.start
}

/// Row sums of the squares of N rows; the columns' sums are added to `columns`.
#[inline(always)]
fn squares<const N: usize>(rows: [&[f32]; N], columns: &mut [f32]) -> [f32; N] {
    assert!(rows.iter().all(|row| row.len() == columns.len()));
    let mut sums = [F32x4::splat(0.0); N];
    let whole = columns.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        // SAFETY: at + 4 <= whole <= the length of each row and of columns.
        unsafe {
            let mut column = F32x4::load(columns, at);
            for (row, sum) in rows.iter().zip(&mut sums) {
                let x = F32x4::load(row, at);
                let square = x * x;
                *sum += square;
                column += square;
            }
            column.store(columns, at);
        }
    }
    let mut sums = sums.map(F32x4::sum);
    for (row, sum) in rows.iter().zip(&mut sums) {
        for (x, column) in row[whole..].iter().zip(&mut columns[whole..]) {
            *sum += x * x;
            *column += x * x;
        }
    }
    sums
}
