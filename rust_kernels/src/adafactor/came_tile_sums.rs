//! CAME's residuals u / d - momentum, and sums of their squares over the tiles of a block.

use crate::adafactor::tile_sums::{Rows, squares_of_rows};
use crate::adafactor::updates::Update;
use crate::blocks::block_table::Steps;
use crate::blocks::stored_runs::{
    Buffers, Rounding, buffers, load_rows, load_rows_mut, store_rows,
};
use crate::blocks::tiles::{ABREAST, Run};
use crate::simd::f32x4::F32x4;
use crate::simd::groups::for_each_column;
use crate::storage::half::F32;
use crate::storage::stored::StoredMut;

/// CAME's residuals u / d - momentum, run by run, while momentum <- beta1 momentum + take u.
pub struct Residuals<'a> {
    update: Update<'a>,
    steps: &'a Steps,
    momentum: StoredMut<'a>,
    grads: Buffers<ABREAST>,
    momenta: Buffers<ABREAST>,
    residuals: Buffers<ABREAST>,
}

impl<'a> Residuals<'a> {
    /// Of a block's update and momentum.
    pub fn of(update: Update<'a>, steps: &'a Steps, momentum: StoredMut<'a>) -> Self {
        let (grads, momenta, residuals) = (buffers(), buffers(), buffers());
        Self { update, steps, momentum, grads, momenta, residuals }
    }
}

impl Rows for Residuals<'_> {
    fn squares<const ROWS: usize>(&mut self, run: &Run, columns: &mut [f32]) -> [f32; ROWS] {
        let keep = F32x4::splat(self.update.block.beta1);
        let (take, share) = (F32x4::splat(self.steps.take), F32x4::splat(1.0 / self.steps.d));
        let factors = self.update.factors::<ROWS, true>(run);
        let grads = load_rows::<ROWS>(self.update.grad, run, &mut self.grads);
        let momenta = load_rows_mut::<ROWS>(&mut self.momentum, run, &mut self.momenta);
        let mut rows = self.residuals.iter_mut();
        let rows = core::array::from_fn(|_| &mut rows.next().expect("ROWS buffers")[..run.len()]);
        let (reads, writes) = ([grads], [momenta, rows]);
        for_each_column(factors.cols, reads, writes, |row, factor, [grad], [m, _]| {
            let u = factors.update(row, grad, factor);
            let m = keep * m + take * u;
            [m, share * u - m]
        });
        store_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta, &Rounding::ToNearest);
        let rows = core::array::from_fn(|row| &self.residuals[row][..run.len()]);
        squares_of_rows::<F32, ROWS>(rows, columns)
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::Residuals;
    use crate::adafactor::tile_momentum::TileMomentumParams;
    use crate::adafactor::tile_sums::tile_sums;
    use crate::adafactor::updates::bound_update;
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn came_tile_sums(
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
            let partials = params.run.partials(partials, block);
            if is_set(guard) {
                partials.rows.fill(0.0);
                partials.cols.fill(0.0);
                partials.tiles.fill(0.0);
                return Ok(());
            }
            let update = bound_update(block, grad, &params.grad, factors, params.factors_length);
            let momentum = params.momentum.write(momentum, block.momentum_offset, block.count());
            let mut residuals = Residuals::of(update, read_record(steps, index), momentum);
            tile_sums(block, &mut residuals, partials)
        });
    }
}
