//! The first half of a cautious step: momentum <- beta1 momentum + take u, and how many of its elements are aligned.

use crate::adafactor::updates::Update;
use crate::allocation::OutOfMemory;
use crate::blocks::block_operands::{StoredOperand, TileRun};
use crate::blocks::block_table::Steps;
use crate::blocks::stored_runs::{Rounding, buffers, load_rows, load_rows_mut, store_rows};
use crate::blocks::tiles::sum_tiles_by_row;
use crate::simd::f32x4::F32x4;
use crate::simd::groups::for_each_column;
use crate::storage::stored::StoredMut;

/// The parameters of a pass that changes the momentum only.
#[repr(C)]
pub struct TileMomentumParams {
    pub run: TileRun,
    pub grad: StoredOperand,
    pub momentum: StoredOperand,
    pub factors_length: u32,
}

/// momentum <- beta1 momentum + take u; tiles = how many of its elements, as stored, have the sign of take u.
pub fn tile_momentum(
    update: &Update,
    steps: &Steps,
    mut momentum: StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (mut grads, mut momenta) = (buffers::<1>(), buffers::<1>());
    let keep = F32x4::splat(update.block.beta1);
    let one = F32x4::splat(1.0);
    let update = &update.times(steps.take);
    sum_tiles_by_row(update.block, tiles, |run| {
        let factors = update.factors::<1, true>(run);
        let grad = load_rows::<1>(update.grad, run, &mut grads);
        let open = load_rows_mut::<1>(&mut momentum, run, &mut momenta);
        let mut count = F32x4::splat(0.0);
        for_each_column(factors.cols, [grad], [open], |_, factor, [grad], [m]| {
            let taken = factors.update(0, grad, factor);
            let m = keep * m + taken;
            count += where_aligned(m, taken, one);
            [m]
        });
        let closed = store_rows::<1>(&mut momentum, run, &mut momenta, &Rounding::ToNearest);
        let Some(stored) = closed else { return count.sum() };
        let mut count = F32x4::splat(0.0);
        for_each_column(factors.cols, [grad, stored], [], |_, factor, [grad, m], []| {
            count += where_aligned(m, factors.update(0, grad, factor), one);
            []
        });
        count.sum()
    })
}

/// `value` in the lanes where a and b have the same sign, else 0.
#[inline(always)]
pub fn where_aligned(a: F32x4, b: F32x4, value: F32x4) -> F32x4 {
    // A product that is subnormal counts as 0.
    (a * b).where_ge(F32x4::splat(f32::MIN_POSITIVE), value, F32x4::splat(0.0))
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::{TileMomentumParams, tile_momentum};
    use crate::adafactor::updates::bound_update;
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn adafactor_tile_momentum(
        grad: In,
        blocks: Records<Block>,
        factors: In,
        steps: Records<Steps>,
        guard: InU32,
        momentum: Out,
        partials: Out,
        params: *const TileMomentumParams,
    ) {
        let params = read_params(params);
        for_each_block(blocks, &params.run.blocks, |block, index| {
            let tiles = params.run.partials(partials, block).tiles;
            if is_set(guard) {
                tiles.fill(0.0);
                return Ok(());
            }
            let update = bound_update(block, grad, &params.grad, factors, params.factors_length);
            let momentum = params.momentum.write(momentum, block.momentum_offset, block.count());
            tile_momentum(&update, read_record(steps, index), momentum, tiles)
        });
    }
}
