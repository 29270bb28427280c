//! Sums of g^2 over rows, over columns and over all of a block [rows, cols], in one pass over g.
//!
//! Four rows are read side by side, so that the column sums in flight are loaded and stored once for the four. A row's sum
//! is taken in f32 over `RUN_COLS` columns, a column's over `RUN_ROWS` rows; both then go on in f64.

use crate::allocation::{OutOfMemory, scratch};
use crate::simd::{F32x4, LANES};
use crate::sums::RUN_ROWS;

/// Columns per f32 run of a row sum: 64 additions per lane.
const RUN_COLS: usize = 64 * LANES;
/// Rows read side by side.
const ABREAST: usize = 4;

/// Sums of the squares of one block: `row_sums[rows]`, `col_sums[cols]`; returns the total.
pub fn adafactor_stats(
    grad: &[f32],
    row_sums: &mut [f32],
    col_sums: &mut [f32],
) -> Result<f32, OutOfMemory> {
    let (rows, cols) = (row_sums.len(), col_sums.len());
    let mut run = scratch::<f32>(cols)?;
    let mut col_totals = scratch::<f64>(cols)?;
    let mut total = 0.0;
    for first in (0..rows).step_by(RUN_ROWS) {
        let last = rows.min(first + RUN_ROWS);
        run.fill(0.0);
        let mut row = first;
        while row < last {
            let count = if last - row < ABREAST { 1 } else { ABREAST };
            let block = &grad[row * cols..(row + count) * cols];
            let sums = &mut row_sums[row..row + count];
            total += match count {
                ABREAST => rows_abreast::<ABREAST>(block, &mut run, sums),
                _ => rows_abreast::<1>(block, &mut run, sums),
            };
            row += count;
        }
        for (total, &sum) in col_totals.iter_mut().zip(&run) {
            *total += f64::from(sum);
        }
    }
    for (out, &sum) in col_sums.iter_mut().zip(&col_totals) {
        *out = sum as f32;
    }
    Ok(total as f32)
}

/// Adds the squares of N whole rows to the columns' runs, writes their sums and returns the sum of these.
#[inline(always)]
fn rows_abreast<const N: usize>(block: &[f32], run: &mut [f32], row_sums: &mut [f32]) -> f64 {
    let cols = run.len();
    let mut totals = [0.0; N];
    for start in (0..cols).step_by(RUN_COLS) {
        let end = cols.min(start + RUN_COLS);
        let rows: [&[f32]; N] = core::array::from_fn(|r| &block[r * cols + start..r * cols + end]);
        let sums = squares(rows, &mut run[start..end]);
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += f64::from(sum);
        }
    }
    for (out, total) in row_sums.iter_mut().zip(totals) {
        *out = total as f32;
    }
    totals.iter().sum()
}

/// Row sums of the squares of N short rows; the columns' sums are added to `columns`.
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
