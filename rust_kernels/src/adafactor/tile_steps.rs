//! What the passes over tiles have in common that use the update u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j],
//! cap), and the first of them: sums of squares. Each is one loop over f32; `stored_runs` sees to the types that are stored.

use crate::adafactor::block_table::Block;
use crate::adafactor::stored_runs::{Buffers, Rounding, buffers, close_rows, read_rows};
use crate::adafactor::tiles::{ABREAST, Run, sum_tiles, sum_tiles_by_row};
use crate::adafactor::updates::{Factors, Update};
use crate::allocation::OutOfMemory;
use crate::ops::sums::sum_squares;
use crate::simd::bits::HALF_LANES;
use crate::simd::lanes::F32x4;
use crate::storage::bf16::Bf16;
use crate::storage::cast::{Stored, StoredMut};
use crate::storage::f16::F16;
use crate::storage::half::{Half, Plain, Reader, padded};

/// Tiles' sums of x^2.
pub fn tile_squares(block: &Block, x: Stored, tiles: &mut [f32]) -> Result<(), OutOfMemory> {
    let mut buffers = buffers::<1>();
    sum_tiles_by_row(block, tiles, |run| {
        let [row] = read_rows::<1>(x, run, &mut buffers);
        sum_squares(row)
    })
}

/// Tiles' sums of u^2.
pub fn tile_updates(update: &Update, tiles: &mut [f32]) -> Result<(), OutOfMemory> {
    sum_tiles(update.block, tiles, |run| match (run.count, update.reaches_cap(run)) {
        (1, true) => run_squares::<1, true>(update, run),
        (1, false) => run_squares::<1, false>(update, run),
        (_, true) => run_squares::<ABREAST, true>(update, run),
        (_, false) => run_squares::<ABREAST, false>(update, run),
    })
}

#[inline(always)]
fn run_squares<const ROWS: usize, const CAPPED: bool>(update: &Update, run: &Run) -> f32 {
    let factors = update.factors::<ROWS, CAPPED>(run);
    match update.grad {
        Stored::F32(x) => update_squares::<Plain, ROWS, CAPPED>(&factors, run.rows(x)),
        Stored::Half(Half::F16, x) => update_squares::<F16, ROWS, CAPPED>(&factors, run.rows(x)),
        Stored::Half(Half::Bf16, x) => update_squares::<Bf16, ROWS, CAPPED>(&factors, run.rows(x)),
    }
}

#[inline(always)]
fn update_squares<R: Reader, const ROWS: usize, const CAPPED: bool>(
    factors: &Factors<ROWS, CAPPED>,
    grads: [&[R::Stored]; ROWS],
) -> f32 {
    let reader = R::reader();
    let mut sums = [F32x4::splat(0.0); ROWS];
    let mut eight = |cols: &[f32], grads: [&[R::Stored]; ROWS], at: usize| {
        // SAFETY: the callers below see to at + 8 <= the length of every slice.
        let (cols, grads) = unsafe { (Plain.load(cols, at), reader.load_magnitudes(grads, at)) };
        for (row, grads) in grads.into_iter().enumerate() {
            for (grad, col_factor) in grads.into_iter().zip(cols) {
                let u = factors.update(row, grad, col_factor);
                sums[row] += u * u;
            }
        }
    };
    let cols = factors.cols;
    assert!(grads.iter().all(|row| row.len() == cols.len()));
    let whole = cols.len() / HALF_LANES * HALF_LANES;
    for at in (0..whole).step_by(HALF_LANES) {
        eight(cols, grads, at);
    }
    if whole < cols.len() {
        let last = grads.map(|row| padded::<_, HALF_LANES>(&row[whole..]));
        let last = last.each_ref().map(|row| &row[..]);
        eight(&padded::<_, HALF_LANES>(&cols[whole..]), last, 0);
    }
    sums.map(F32x4::sum).iter().sum()
}

/// A parameter, and how it is rounded where it is stored in 16 bits.
pub struct Param<'a> {
    pub values: StoredMut<'a>,
    pub rounding: Rounding<'a>,
}

impl Param<'_> {
    /// The sum of squares of a row that `open_rows` gave, as it is now, where it is stored in 16 bits.
    #[inline(always)]
    pub fn close(&mut self, run: &Run, buffers: &mut Buffers<1>) -> Option<f32> {
        let [row] = close_rows::<1>(&mut self.values, run, buffers, &self.rounding)?;
        Some(sum_squares(row))
    }
}
