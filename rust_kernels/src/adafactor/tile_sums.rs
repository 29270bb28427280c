//! Sums of squares over the tiles of a block, over their rows and over their columns, in one pass.
//!
//! Four rows are read at once, so that column sums are loaded and stored once for the four. A row's sum is taken in f32 over
//! a run, a column's in f32 over `RUN_ROWS` rows, a tile's in f64.

use crate::allocation::{OutOfMemory, scratch};
use crate::blocks::block_table::Block;
use crate::blocks::partials::Partials;
use crate::blocks::tiles::{ABREAST, RUN, Run, Runs};
use crate::simd::f32x4::{F32x4, LANES};
use crate::simd::sums::RUN_ROWS;
use crate::simd::u16x8::HALF_LANES;
use crate::storage::bf16::Bf16;
use crate::storage::f16::F16;
use crate::storage::half::{F32, Half, Reader, padded};
use crate::storage::stored::Stored;

/// The elements that are squared.
pub trait Rows {
    /// Sums of the squares of the run's rows, of which there are `ROWS`; the columns' sums are added to `columns`.
    fn squares<const ROWS: usize>(&mut self, run: &Run, columns: &mut [f32]) -> [f32; ROWS];
}

impl Rows for Stored<'_> {
    #[inline(always)]
    fn squares<const ROWS: usize>(&mut self, run: &Run, columns: &mut [f32]) -> [f32; ROWS] {
        match *self {
            Stored::F32(x) => squares_of_rows::<F32, ROWS>(run.rows(x), columns),
            Stored::Half(Half::F16, x) => squares_of_rows::<F16, ROWS>(run.rows(x), columns),
            Stored::Half(Half::Bf16, x) => squares_of_rows::<Bf16, ROWS>(run.rows(x), columns),
        }
    }
}

/// Sums of the squares of `x`, the elements of a block.
pub fn tile_sums(
    block: &Block,
    x: &mut impl Rows,
    partials: Partials<&mut [f32]>,
) -> Result<(), OutOfMemory> {
    let (rows, cols) = (block.rows(), block.cols());
    let (down, across) = (block.down().tiles(), block.across().tiles());
    let runs = Runs::of(block)?;
    let mut column_run = scratch::<f32>(cols)?;
    let mut totals = scratch::<f64>(across)?;
    for panel in runs.panels() {
        let tile_row = panel.b * down + panel.tile_row;
        let columns = &mut partials.cols[tile_row * cols..][..cols];
        let row_sums = &mut partials.rows[panel.b * rows * across..][..rows * across];
        totals.fill(0.0);
        for first in panel.rows.clone().step_by(RUN_ROWS) {
            let last = panel.rows.end.min(first + RUN_ROWS);
            // The column sums of the first rows are written to the result, those of others are added to it.
            let is_first = first == panel.rows.start;
            let sums_of_rows = if is_first { &mut *columns } else { &mut column_run[..] };
            sums_of_rows.fill(0.0);
            runs.visit(panel.b, first..last, |run| {
                let columns = &mut sums_of_rows[run.cols.clone()];
                let mut sums = [0.0; ABREAST];
                if run.count == ABREAST {
                    sums = x.squares::<ABREAST>(run, columns);
                } else {
                    [sums[0]] = x.squares::<1>(run, columns);
                }
                for (row, sum) in sums[..run.count].iter().enumerate() {
                    let out = &mut row_sums[run.i(row) * across + run.tile];
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

/// Sums of the squares of N rows; the columns' sums are added to `columns`.
pub fn squares_of_rows<R: Reader, const N: usize>(
    rows: [&[R::Stored]; N],
    columns: &mut [f32],
) -> [f32; N] {
    assert!(rows.iter().all(|row| row.len() == columns.len()));
    let reader = R::reader();
    let mut sums = [F32x4::splat(0.0); N];
    let whole = columns.len() / HALF_LANES * HALF_LANES;
    for at in (0..whole).step_by(HALF_LANES) {
        // SAFETY: at + 8 <= whole <= the length of each row and of columns.
        unsafe {
            let [mut low_column, mut high_column] = F32.load(columns, at);
            for (x, sum) in reader.load_magnitudes(rows, at).iter().zip(&mut sums) {
                let [low, high] = x.map(|x| x * x);
                *sum += low;
                *sum += high;
                low_column += low;
                high_column += high;
            }
            low_column.store(columns, at);
            high_column.store(columns, at + LANES);
        }
    }
    if whole == columns.len() {
        return sums.map(F32x4::sum);
    }
    let columns = &mut columns[whole..];
    let rest = rows.map(|row| {
        // SAFETY: the slice has eight elements.
        unsafe { reader.load(&padded::<_, HALF_LANES>(&row[whole..]), 0) }.map(|x| x * x)
    });
    let fours = columns.len() / LANES;
    for ([low, _], sum) in rest.iter().zip(&mut sums).take(N * fours) {
        *sum += *low;
    }
    let mut sums = sums.map(F32x4::sum);
    for ([low, high], sum) in rest.iter().zip(&mut sums) {
        let squares = low.lanes().into_iter().chain(high.lanes());
        for (i, (square, column)) in squares.zip(columns.iter_mut()).enumerate() {
            *column += square;
            *sum += if i < fours * LANES { 0.0 } else { square };
        }
    }
    sums
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::tile_sums;
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub run: TileRun,
        pub grad: StoredOperand,
    }

    #[wasm_bindgen]
    pub fn adafactor_tile_sums(
        grad: In,
        blocks: Records<Block>,
        partials: Out,
        params: *const Params,
    ) {
        let params = read_params(params);
        for_each_block(blocks, &params.run.blocks, |block, _| {
            let mut grad = params.grad.read(grad, block.grad_offset, block.count());
            tile_sums(block, &mut grad, params.run.partials(partials, block))
        });
    }
}
