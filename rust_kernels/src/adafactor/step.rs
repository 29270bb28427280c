//! The step without momentum: p <- p - decay p - (a / d) u.

use crate::adafactor::updates::Update;
use crate::allocation::OutOfMemory;
use crate::blocks::block_table::Steps;
use crate::blocks::changed_rows::Change;
use crate::blocks::param::Param;
use crate::blocks::stored_runs::{Buffers, buffers, load_rows, load_rows_mut};
use crate::blocks::tiles::{Run, sum_tiles_by_row};
use crate::simd::f32x4::F32x4;
use crate::simd::groups::for_each_column;
use crate::storage::bf16::Bf16;
use crate::storage::f16::F16;
use crate::storage::half::{F32, Half};
use crate::storage::stored::{Stored, StoredMut};

/// Takes the step, and writes tiles' sums of the new p^2.
pub fn step(
    update: &Update,
    steps: &Steps,
    param: Param,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let &Steps { a, d, decay, .. } = steps;
    let update = &update.times(a / d);
    let mut pass = PlainStep { decay, param, grads: buffers(), params: buffers() };
    sum_tiles_by_row(update.block, tiles, |run| {
        match (&pass.param.values, update.reaches_cap(run)) {
            (StoredMut::F32(_), false) => pass.take::<false>(update, run),
            (StoredMut::F32(_), true) => pass.take::<true>(update, run),
            (StoredMut::Half(..), false) if decay == 0.0 => pass.lean_row(update, run),
            (StoredMut::Half(..), _) => pass.row(update, run),
        }
    })
}

/// A pass of the step; its update includes the factor a / d.
struct PlainStep<'a> {
    decay: f32,
    param: Param<'a>,
    grads: Buffers<1>,
    params: Buffers<1>,
}

impl PlainStep<'_> {
    /// A row in 16 bits, without decay and where no factor reaches the cap: the same bits in fewer instructions.
    #[inline(never)]
    fn lean_row(&mut self, update: &Update, run: &Run) -> f32 {
        let factor = update.factors::<1, false>(run).row();
        let change = move |col_factor, grad, [p]: [F32x4; 1]| [p - factor.update(grad, col_factor)];
        let Param { values, rounding } = &mut self.param;
        let column = update.factors::<1, false>(run).cols;
        let change = Change { run, column, rounding, change };
        let at = run.range(0);
        let sum = match (values, update.grad) {
            (StoredMut::Half(Half::F16, p), Stored::Half(Half::F16, g)) => {
                change.rows::<F16, F16, _>(&g[at.clone()], [&mut p[at]])
            }
            (StoredMut::Half(Half::Bf16, p), Stored::Half(Half::Bf16, g)) => {
                change.rows::<Bf16, Bf16, _>(&g[at.clone()], [&mut p[at]])
            }
            // Where types are mixed, widening the gradients takes longer than this saves.
            _ => return self.row(update, run),
        };
        sum.unwrap_or_else(|| self.take::<true>(update, run))
    }

    /// A row in 16 bits.
    #[inline(never)]
    fn row(&mut self, update: &Update, run: &Run) -> f32 {
        let factors = update.factors::<1, true>(run);
        let (factor, decay) = (factors.row(), F32x4::splat(self.decay));
        let change = move |col_factor, grad, [p]: [F32x4; 1]| {
            [stepped(p, decay, factor.update(grad, col_factor))]
        };
        let Param { values, rounding } = &mut self.param;
        let change = Change { run, column: factors.cols, rounding, change };
        let at = run.range(0);
        let sum = match (values, update.grad) {
            (StoredMut::Half(Half::F16, p), Stored::Half(Half::F16, g)) => {
                change.rows::<F16, F16, _>(&g[at.clone()], [&mut p[at]])
            }
            (StoredMut::Half(Half::Bf16, p), Stored::Half(Half::Bf16, g)) => {
                change.rows::<Bf16, Bf16, _>(&g[at.clone()], [&mut p[at]])
            }
            (StoredMut::Half(format, p), grad) => {
                let ([grad], p) = (load_rows(grad, run, &mut self.grads), [&mut p[at]]);
                match format {
                    Half::F16 => change.rows::<F16, F32, _>(grad, p),
                    Half::Bf16 => change.rows::<Bf16, F32, _>(grad, p),
                }
            }
            (StoredMut::F32(_), _) => None,
        };
        sum.unwrap_or_else(|| self.take::<true>(update, run))
    }

    /// A row of any types.
    #[inline(always)]
    fn take<const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let decay = F32x4::splat(self.decay);
        let factors = update.factors::<1, CAPPED>(run);
        let grad = load_rows::<1>(update.grad, run, &mut self.grads);
        let param = load_rows_mut::<1>(&mut self.param.values, run, &mut self.params);
        let mut sum = F32x4::splat(0.0);
        for_each_column(factors.cols, [grad], [param], |_, factor, [grad], [p]| {
            let p = stepped(p, decay, factors.update(0, grad, factor));
            sum += p * p;
            [p]
        });
        self.param.store(run, &mut self.params).unwrap_or(sum.sum())
    }
}

/// p less its decay and the update; without decay exactly p - update.
#[inline(always)]
fn stepped(p: F32x4, decay: F32x4, update: F32x4) -> F32x4 {
    p - (decay * p + update)
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::step;
    use crate::adafactor::step_operands::{StepOperands, StepParams};
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn adafactor_step(
        grad: In,
        blocks: Records<Block>,
        factors: In,
        steps: Records<Steps>,
        guard: InU32,
        param: Out,
        partials: Out,
        params: *const StepParams,
    ) {
        StepOperands { grad, blocks, factors, steps, guard, param, partials }
            .run(read_params(params), step);
    }
}
