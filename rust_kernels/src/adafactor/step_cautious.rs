//! The second half of a cautious step: p <- p - decay p - over momentum, momentum only where it is aligned.

use crate::adafactor::tile_momentum::where_aligned;
use crate::adafactor::updates::Update;
use crate::allocation::OutOfMemory;
use crate::blocks::block_table::Steps;
use crate::blocks::param::Param;
use crate::blocks::stored_runs::{buffers, load_rows, load_rows_mut};
use crate::blocks::tiles::sum_tiles_by_row;
use crate::simd::f32x4::F32x4;
use crate::simd::groups::for_each_column;
use crate::storage::stored::Stored;

/// p <- p - decay p - over momentum, momentum only where it has the sign of take u, and tiles' sums of the new p^2.
pub fn step_cautious(
    update: &Update,
    steps: &Steps,
    mut param: Param,
    momentum: Stored,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let [mut grads, mut params, mut momenta] = [buffers::<1>(); 3];
    let [decay, over] = [steps.decay, steps.over].map(F32x4::splat);
    let update = &update.times(steps.take);
    sum_tiles_by_row(update.block, tiles, |run| {
        let factors = update.factors::<1, true>(run);
        let reads = [
            load_rows::<1>(update.grad, run, &mut grads),
            load_rows::<1>(momentum, run, &mut momenta),
        ];
        let open = load_rows_mut::<1>(&mut param.values, run, &mut params);
        let mut sum = F32x4::splat(0.0);
        for_each_column(factors.cols, reads, [open], |_, factor, [grad, m], [p]| {
            let taken = factors.update(0, grad, factor);
            let p = p - decay * p - where_aligned(m, taken, over * m);
            sum += p * p;
            [p]
        });
        param.store(run, &mut params).unwrap_or(sum.sum())
    })
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::step_cautious;
    use crate::adafactor::step_operands::{StepMomentumParams, StepOperands};
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn adafactor_step_cautious(
        grad: In,
        blocks: Records<Block>,
        factors: In,
        steps: Records<Steps>,
        guard: InU32,
        param: Out,
        momentum: In,
        partials: Out,
        params: *const StepMomentumParams,
    ) {
        let params = read_params(params);
        let operands = StepOperands { grad, blocks, factors, steps, guard, param, partials };
        operands.run(&params.step, |update, steps, param, tiles| {
            let block = update.block;
            let momentum = params.momentum.read(momentum, block.momentum_offset, block.count());
            step_cautious(update, steps, param, momentum, tiles)
        });
    }
}
