//! Tiles' sums of the squares of the update.

use crate::adafactor::updates::{Factors, Update};
use crate::allocation::OutOfMemory;
use crate::blocks::tiles::{ABREAST, Run, sum_tiles};
use crate::simd::f32x4::F32x4;
use crate::simd::u16x8::HALF_LANES;
use crate::storage::bf16::Bf16;
use crate::storage::f16::F16;
use crate::storage::half::{F32, Half, Reader, padded};
use crate::storage::stored::Stored;

/// tiles = sums of u^2.
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
        Stored::F32(x) => update_squares::<F32, ROWS, CAPPED>(&factors, run.rows(x)),
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
        // SAFETY: the calls below have at + 8 <= the length of every slice.
        let (cols, grads) = unsafe { (F32.load(cols, at), reader.load_magnitudes(grads, at)) };
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

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::tile_updates;
    use crate::adafactor::updates::bound_update;
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub run: TileRun,
        pub grad: StoredOperand,
        pub factors_length: u32,
    }

    #[wasm_bindgen]
    pub fn adafactor_tile_updates(
        grad: In,
        blocks: Records<Block>,
        factors: In,
        partials: Out,
        params: *const Params,
    ) {
        let params = read_params(params);
        for_each_block(blocks, &params.run.blocks, |block, _| {
            let update = bound_update(block, grad, &params.grad, factors, params.factors_length);
            tile_updates(&update, params.run.partials(partials, block).tiles)
        });
    }
}
