//! The step by a running average of updates: momentum <- beta1 momentum + take u, p <- p - decay p - over momentum.

use crate::adafactor::updates::Update;
use crate::allocation::OutOfMemory;
use crate::blocks::block_table::Steps;
use crate::blocks::changed_rows::Change;
use crate::blocks::param::Param;
use crate::blocks::stored_runs::{
    Buffers, Rounding, buffers, load_rows, load_rows_mut, store_rows,
};
use crate::blocks::tiles::{Run, sum_tiles_by_row};
use crate::simd::f32x4::F32x4;
use crate::simd::groups::for_each_column;
use crate::storage::bf16::Bf16;
use crate::storage::f16::F16;
use crate::storage::half::Half;
use crate::storage::stored::{Stored, StoredMut};

/// momentum <- beta1 momentum + take u,  p <- p - decay p - over momentum, and tiles' sums of the new p^2.
pub fn step_momentum(
    update: &Update,
    steps: &Steps,
    param: Param,
    momentum: StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (grads, params, momenta) = (buffers(), buffers(), buffers());
    let update = &update.times(steps.take);
    let mut pass = MomentumStep { steps, param, momentum, grads, params, momenta };
    sum_tiles_by_row(update.block, tiles, |run| match pass.param.values {
        StoredMut::F32(_) => pass.take(update, run),
        StoredMut::Half(..) => pass.row(update, run),
    })
}

/// A pass of the step; its update includes the factor `take`.
struct MomentumStep<'a> {
    steps: &'a Steps,
    param: Param<'a>,
    momentum: StoredMut<'a>,
    grads: Buffers<1>,
    params: Buffers<1>,
    momenta: Buffers<1>,
}

impl MomentumStep<'_> {
    /// A row in 16 bits.
    #[inline(never)]
    fn row(&mut self, update: &Update, run: &Run) -> f32 {
        let change = self.change(update);
        let factors = update.factors::<1, true>(run);
        let factor = factors.row();
        let change = move |col_factor, grad, old| change(factor.update(grad, col_factor), old);
        let Param { values, rounding } = &mut self.param;
        let at = run.range(0);
        let change = Change { run, column: factors.cols, rounding, change };
        let sum = match (values, &mut self.momentum, update.grad) {
            (
                StoredMut::Half(Half::F16, p),
                StoredMut::Half(Half::F16, m),
                Stored::Half(Half::F16, g),
            ) => change.rows::<F16, F16, _>(&g[at.clone()], [&mut p[at.clone()], &mut m[at]]),
            (
                StoredMut::Half(Half::Bf16, p),
                StoredMut::Half(Half::Bf16, m),
                Stored::Half(Half::Bf16, g),
            ) => change.rows::<Bf16, Bf16, _>(&g[at.clone()], [&mut p[at.clone()], &mut m[at]]),
            _ => None,
        };
        sum.unwrap_or_else(|| self.take(update, run))
    }

    /// A row of any types.
    #[inline(always)]
    fn take(&mut self, update: &Update, run: &Run) -> f32 {
        let change = self.change(update);
        let factors = update.factors::<1, true>(run);
        let grad = load_rows::<1>(update.grad, run, &mut self.grads);
        let param = load_rows_mut::<1>(&mut self.param.values, run, &mut self.params);
        let momentum = load_rows_mut::<1>(&mut self.momentum, run, &mut self.momenta);
        let mut sum = F32x4::splat(0.0);
        for_each_column(factors.cols, [grad], [param, momentum], |_, factor, [grad], old| {
            let [p, m] = change(factors.update(0, grad, factor), old);
            sum += p * p;
            [p, m]
        });
        store_rows::<1>(&mut self.momentum, run, &mut self.momenta, &Rounding::ToNearest);
        self.param.store(run, &mut self.params).unwrap_or(sum.sum())
    }

    #[inline(always)]
    fn change(&self, update: &Update) -> impl Fn(F32x4, [F32x4; 2]) -> [F32x4; 2] + Copy + use<> {
        let &Steps { decay, over, .. } = self.steps;
        let (decay, over) = (F32x4::splat(decay), F32x4::splat(over));
        let keep = F32x4::splat(update.block.beta1);
        move |taken, [p, m]| {
            let m = keep * m + taken;
            [p - decay * p - over * m, m]
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::step_momentum;
    use crate::adafactor::step_operands::{StepMomentumParams, StepOperands};
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn adafactor_step_momentum(
        grad: In,
        blocks: Records<Block>,
        factors: In,
        steps: Records<Steps>,
        guard: InU32,
        param: Out,
        momentum: Out,
        partials: Out,
        params: *const StepMomentumParams,
    ) {
        let params = read_params(params);
        let operands = StepOperands { grad, blocks, factors, steps, guard, param, partials };
        operands.run(&params.step, |update, steps, param, tiles| {
            let block = update.block;
            let momentum = params.momentum.write(momentum, block.momentum_offset, block.count());
            step_momentum(update, steps, param, momentum, tiles)
        });
    }
}
