//! Adafactor's passes over runs of blocks as WASM exports: bindings as pointers, in the order of src/device/kernels.ts, then
//! the parameters as a pointer to their words.

#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

use crate::adafactor::averages::{self, Scalars, Sums};
use crate::adafactor::block_calls::{
    self as calls, Records, Vector, for_each_block, params, record,
};
use crate::adafactor::block_table::{Block, Numbers, Steps};
use crate::adafactor::joined_sums::{add_slots, join_cols, join_rows, join_scalar, join_totals};
use crate::adafactor::momentum_steps::{self, Residuals};
use crate::adafactor::plain_step;
use crate::adafactor::stored_runs::Rounding;
use crate::adafactor::tile_steps::{self, Param};
use crate::adafactor::tile_sums::tile_sums;
use crate::adafactor::updates::Update;
use crate::allocation::OutOfMemory;
use crate::operands::{In, Indices, Out, is_set, read_at, write_at};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub fn adafactor_tile_sums(
    grad: In,
    blocks: Records<Block>,
    partials: Out,
    call: *const calls::TileSums,
) {
    let call = params(call);
    for_each_block(blocks, &call.run.blocks, |block, _| {
        let mut grad = call.grad.read(grad, block.grad_offset, block.count());
        tile_sums(block, &mut grad, call.run.partials(partials, block))
    });
}

#[wasm_bindgen]
pub fn adafactor_tile_params(
    param: In,
    blocks: Records<Block>,
    partials: Out,
    call: *const calls::TileParams,
) {
    let call = params(call);
    for_each_block(blocks, &call.run.blocks, |block, _| {
        let param = call.param.read(param, block.param_offset, block.count());
        tile_steps::tile_squares(block, param, call.run.partials(partials, block).tiles)
    });
}

#[wasm_bindgen]
pub fn adafactor_join_sums(
    blocks: Records<Block>,
    partials: In,
    sums: Out,
    call: *const calls::JoinSums,
) {
    let call = params(call);
    let partials = Vector { name: "partials", pointer: partials, length: call.partials_length };
    let sums = Vector { name: "sums", pointer: sums, length: call.sums_length };
    for_each_block(blocks, &call.run.blocks, |block, _| {
        let lengths = block.partials_lengths();
        let all = partials.read(block.partials, lengths.rows + lengths.cols + lengths.tiles);
        let (rows, rest) = all.split_at(lengths.rows);
        let (cols, tiles) = rest.split_at(lengths.cols);
        let batch = block.batch();
        join_rows(block, rows, sums.write(block.row_sums, batch * block.rows()));
        join_cols(block, cols, sums.write(block.col_sums, batch * block.cols()));
        join_totals(block, tiles, sums.write(block.totals, batch * block.row_slots as usize));
        Ok(())
    });
}

#[wasm_bindgen]
pub fn adafactor_join_scalar(
    blocks: Records<Block>,
    partials: In,
    sums: Out,
    call: *const calls::JoinScalar,
) {
    let call = params(call);
    let partials = Vector { name: "partials", pointer: partials, length: call.partials_length };
    let sums = Vector { name: "sums", pointer: sums, length: call.sums_length };
    for_each_block(blocks, &call.run, |block, _| {
        let lengths = block.partials_lengths();
        let all = partials.read(block.partials, lengths.rows + lengths.cols + lengths.tiles);
        let first_slot = match call.scalar {
            0 => block.gradient_squares,
            1 => block.update_squares,
            2 => block.param_squares,
            3 => block.aligned,
            other => wasm_bindgen::throw_str(&format!("No scalar has the number {other}")),
        };
        let tiles = &all[lengths.rows + lengths.cols..];
        join_scalar(block, tiles, sums.write(first_slot, block.slots()));
        Ok(())
    });
}

#[wasm_bindgen]
pub fn adafactor_scale_gradients(
    blocks: Records<Block>,
    sums: Out,
    guard: *mut u32,
    call: *const calls::ScaleGradients,
) {
    let call = params(call);
    let vector = Vector { name: "sums", pointer: sums.cast_const(), length: call.sums_length };
    let (mut squares, mut found) = (0.0, false);
    for_each_block(blocks, &call.run, |block, _| {
        let total = add_slots(block, vector.read(block.gradient_squares, block.slots()));
        found |= averages::is_unbounded(total);
        squares += f64::from(total);
        Ok(())
    });
    // SAFETY: the host bound at least one element.
    unsafe { *guard = found.into() };
    let scale = averages::gradient_scale(squares, call.factor, call.max_norm);
    write_at(sums, call.slot as usize, 1)[0] = scale;
}

#[wasm_bindgen]
pub fn adafactor_averages(
    blocks: Records<Block>,
    numbers: Records<Numbers>,
    sums: In,
    guard: Indices,
    moments: Out,
    factors: Out,
    call: *const calls::Averages,
) {
    if is_set(guard) {
        return;
    }
    let call = params(call);
    let scale = read_at(sums, call.gradient_scale as usize, 1)[0];
    let sums = Vector { name: "sums", pointer: sums, length: call.sums_length };
    let moments = Vector { name: "moments", pointer: moments, length: call.moments_length };
    let factors = Vector { name: "factors", pointer: factors, length: call.factors_length };
    for_each_block(blocks, &call.run.blocks, |block, index| {
        let (batch, rows, cols) = (block.batch(), block.rows(), block.cols());
        let of_block = Sums {
            rows: sums.read(block.row_sums, batch * rows),
            cols: sums.read(block.col_sums, batch * cols),
            totals: sums.read(block.totals, batch * block.row_slots as usize),
        };
        let moments = moments.write(block.moments, batch * (rows + cols + 1));
        let factors = factors.write(block.factors, batch * (rows + cols) + 1);
        let take = record(numbers, index).take;
        averages::averages(block, take, scale, of_block, moments, factors);
        Ok(())
    });
}

#[wasm_bindgen]
pub fn adafactor_tile_updates(
    grad: In,
    blocks: Records<Block>,
    factors: In,
    partials: Out,
    call: *const calls::TileUpdates,
) {
    let call = params(call);
    for_each_block(blocks, &call.run.blocks, |block, _| {
        let update = update(block, grad, &call.grad, factors, call.factors_length);
        tile_steps::tile_updates(&update, call.run.partials(partials, block).tiles)
    });
}

#[wasm_bindgen]
pub fn adafactor_step_sizes(
    blocks: Records<Block>,
    numbers: Records<Numbers>,
    sums: In,
    steps: *mut Steps,
    call: *const calls::StepSizes,
) {
    let call = params(call);
    let sums = Vector { name: "sums", pointer: sums, length: call.sums_length };
    for_each_block(blocks, &call.run, |block, index| {
        let scalars = Scalars {
            update_squares: sums.read(block.update_squares, block.slots()),
            param_squares: sums.read(block.param_squares, block.slots()),
            aligned: sums.read(block.aligned, block.slots()),
        };
        let step = averages::step_sizes(block, record(numbers, index), &scalars);
        // SAFETY: the host bound records up to the end of the run.
        unsafe { steps.add(index).write(step) };
        Ok(())
    });
}

#[wasm_bindgen]
pub fn adafactor_step(
    grad: In,
    blocks: Records<Block>,
    factors: In,
    steps: Records<Steps>,
    guard: Indices,
    param: Out,
    partials: Out,
    call: *const calls::Step,
) {
    StepOperands { grad, blocks, factors, steps, guard, param, partials }
        .run(params(call), plain_step::step);
}

#[wasm_bindgen]
pub fn adafactor_step_momentum(
    grad: In,
    blocks: Records<Block>,
    factors: In,
    steps: Records<Steps>,
    guard: Indices,
    param: Out,
    momentum: Out,
    partials: Out,
    call: *const calls::StepMomentum,
) {
    let call = params(call);
    let operands = StepOperands { grad, blocks, factors, steps, guard, param, partials };
    operands.run(&call.step, |update, steps, param, tiles| {
        let block = update.block;
        let momentum = call.momentum.write(momentum, block.momentum_offset, block.count());
        momentum_steps::step_momentum(update, steps, param, momentum, tiles)
    });
}

#[wasm_bindgen]
pub fn adafactor_step_cautious(
    grad: In,
    blocks: Records<Block>,
    factors: In,
    steps: Records<Steps>,
    guard: Indices,
    param: Out,
    momentum: In,
    partials: Out,
    call: *const calls::StepMomentum,
) {
    let call = params(call);
    let operands = StepOperands { grad, blocks, factors, steps, guard, param, partials };
    operands.run(&call.step, |update, steps, param, tiles| {
        let block = update.block;
        let momentum = call.momentum.read(momentum, block.momentum_offset, block.count());
        momentum_steps::step_cautious(update, steps, param, momentum, tiles)
    });
}

#[wasm_bindgen]
pub fn adafactor_tile_momentum(
    grad: In,
    blocks: Records<Block>,
    factors: In,
    steps: Records<Steps>,
    guard: Indices,
    momentum: Out,
    partials: Out,
    call: *const calls::TileMomentum,
) {
    let call = params(call);
    for_each_block(blocks, &call.run.blocks, |block, index| {
        let tiles = call.run.partials(partials, block).tiles;
        if is_set(guard) {
            tiles.fill(0.0);
            return Ok(());
        }
        let update = update(block, grad, &call.grad, factors, call.factors_length);
        let momentum = call.momentum.write(momentum, block.momentum_offset, block.count());
        momentum_steps::tile_momentum(&update, record(steps, index), momentum, tiles)
    });
}

#[wasm_bindgen]
pub fn came_tile_sums(
    grad: In,
    blocks: Records<Block>,
    factors: In,
    steps: Records<Steps>,
    guard: Indices,
    momentum: Out,
    partials: Out,
    call: *const calls::TileMomentum,
) {
    let call = params(call);
    for_each_block(blocks, &call.run.blocks, |block, index| {
        let partials = call.run.partials(partials, block);
        if is_set(guard) {
            partials.rows.fill(0.0);
            partials.cols.fill(0.0);
            partials.tiles.fill(0.0);
            return Ok(());
        }
        let update = update(block, grad, &call.grad, factors, call.factors_length);
        let momentum = call.momentum.write(momentum, block.momentum_offset, block.count());
        let mut residuals = Residuals::of(update, record(steps, index), momentum);
        tile_sums(block, &mut residuals, partials)
    });
}

/// What all steps are given.
struct StepOperands {
    grad: In,
    blocks: Records<Block>,
    factors: In,
    steps: Records<Steps>,
    guard: Indices,
    param: Out,
    partials: Out,
}

impl StepOperands {
    /// Calls `step` for every block of the run; where the guard is set only the parameters' squares are summed.
    fn run(
        &self,
        call: &calls::Step,
        mut step: impl FnMut(&Update, &Steps, Param, &mut [f32]) -> Result<(), OutOfMemory>,
    ) {
        for_each_block(self.blocks, &call.run.blocks, |block, index| {
            let tiles = call.run.partials(self.partials, block).tiles;
            if is_set(self.guard) {
                let param = call.param.read(self.param, block.param_offset, block.count());
                return tile_steps::tile_squares(block, param, tiles);
            }
            let steps = record(self.steps, index);
            let param = Param {
                values: call.param.write(self.param, block.param_offset, block.count()),
                rounding: match call.stochastic {
                    0 => Rounding::ToNearest,
                    _ => Rounding::Stochastic { key: steps.key, block },
                },
            };
            let update = update(block, self.grad, &call.grad, self.factors, call.factors_length);
            step(&update, steps, param, tiles)
        });
    }
}

fn update<'a>(
    block: &'a Block,
    grad: In,
    operand: &calls::Operand,
    factors: In,
    factors_length: u32,
) -> Update<'a> {
    let factors = Vector { name: "factors", pointer: factors, length: factors_length };
    let length = block.batch() * (block.rows() + block.cols()) + 1;
    let grad = operand.read(grad, block.grad_offset, block.count());
    Update::of(block, grad, factors.read(block.factors, length))
}
