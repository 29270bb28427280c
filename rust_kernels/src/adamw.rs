//! AdamW's step (Loshchilov & Hutter 2019): with g the scaled gradient,
//!
//!   m <- m + take (g - m)        v <- v + takeSquares (g^2 - v)
//!   p <- p - decay p - stepSize m / (sqrt(v) rootCorrection + eps)

use crate::allocation::OutOfMemory;
use crate::blocks::block_table::{AdamwStep, Block};
use crate::blocks::param::Param;
use crate::blocks::stored_runs::{
    Buffers, Rounding, buffers, load_rows, load_rows_mut, store_rows,
};
use crate::blocks::tiles::{Run, for_each_row};
use crate::simd::f32x4::F32x4;
use crate::simd::groups::for_each_group;
use crate::storage::stored::{Stored, StoredMut};

/// The tensors of a block.
pub struct Tensors<'a> {
    pub grad: Stored<'a>,
    pub param: Param<'a>,
    pub momentum: StoredMut<'a>,
    pub second_moment: StoredMut<'a>,
}

/// Rows widened to f32.
struct Rows {
    grads: Buffers<1>,
    params: Buffers<1>,
    momenta: Buffers<1>,
    second_moments: Buffers<1>,
}

/// Takes the step of a block; gradients count `scale` times.
pub fn adamw_step(
    block: &Block,
    step: &AdamwStep,
    scale: f32,
    mut tensors: Tensors,
) -> Result<(), OutOfMemory> {
    let mut rows =
        Rows { grads: buffers(), params: buffers(), momenta: buffers(), second_moments: buffers() };
    for_each_row(block, |run| take(run, step, scale, &mut tensors, &mut rows))
}

#[inline(never)]
fn take(run: &Run, step: &AdamwStep, scale: f32, tensors: &mut Tensors, rows: &mut Rows) {
    let [size, root_correction, decay, take, take_squares, eps, scale] = [
        step.step_size,
        step.root_correction,
        step.decay,
        step.take,
        step.take_squares,
        step.eps,
        scale,
    ]
    .map(F32x4::splat);
    let [grad] = load_rows::<1>(tensors.grad, run, &mut rows.grads);
    let [param] = load_rows_mut::<1>(&mut tensors.param.values, run, &mut rows.params);
    let [momentum] = load_rows_mut::<1>(&mut tensors.momentum, run, &mut rows.momenta);
    let [second] = load_rows_mut::<1>(&mut tensors.second_moment, run, &mut rows.second_moments);
    for_each_group([grad], [param, momentum, second], |[grad], [p, m, v], _| {
        let g = scale * grad;
        let m = averaged(m, g, take);
        let v = averaged(v, g * g, take_squares);
        let p = p - (decay * p + size * m / (v.sqrt() * root_correction + eps));
        [p, m, v]
    });
    let nearest = &Rounding::ToNearest;
    store_rows::<1>(&mut tensors.momentum, run, &mut rows.momenta, nearest);
    store_rows::<1>(&mut tensors.second_moment, run, &mut rows.second_moments, nearest);
    tensors.param.store(run, &mut rows.params);
}

/// before + take (now - before), from the end that weighs more: with a take of 1 it is `now`, however small beside `before`.
#[inline(always)]
fn averaged(before: F32x4, now: F32x4, take: F32x4) -> F32x4 {
    let [half, one] = [0.5, 1.0].map(F32x4::splat);
    let [from, to] = [take.where_ge(half, now, before), take.where_ge(half, before, now)];
    let weight = take.where_ge(half, one - take, take);
    from + weight * (to - from)
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::Tensors;
    use crate::blocks::block_operands::*;
    use crate::blocks::block_table::AdamwStep;
    use crate::blocks::param::Param;
    use crate::blocks::stored_runs::Rounding;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub blocks: BlockRun,
        pub first_tile: u32,
        pub num_tiles: u32,
        pub grad: StoredOperand,
        pub param: StoredOperand,
        pub momentum: StoredOperand,
        pub second_moment: StoredOperand,
        pub gradient_scale: u32,
        pub sums_length: u32,
        pub stochastic: u32,
    }

    #[wasm_bindgen]
    pub fn adamw_step(
        grad: In,
        blocks: Records<Block>,
        steps: Records<AdamwStep>,
        sums: In,
        guard: InU32,
        param: Out,
        momentum: Out,
        second_moment: Out,
        params: *const Params,
    ) {
        let params = read_params(params);
        if is_set(guard) {
            return;
        }
        let sums = Vector::new("sums", sums, params.sums_length);
        let [scale] = *sums.read(params.gradient_scale, 1) else { return };
        for_each_block(blocks, &params.blocks, |block, index| {
            let (step, count) = (read_record(steps, index), block.count());
            let tensors = Tensors {
                grad: params.grad.read(grad, block.grad_offset, count),
                param: Param {
                    values: params.param.write(param, block.param_offset, count),
                    rounding: match params.stochastic {
                        0 => Rounding::ToNearest,
                        _ => Rounding::Stochastic { key: step.key, block },
                    },
                },
                momentum: params.momentum.write(momentum, block.momentum_offset, count),
                second_moment: params.second_moment.write(
                    second_moment,
                    block.second_moment_offset,
                    count,
                ),
            };
            super::adamw_step(block, step, scale, tensors)
        });
    }
}
