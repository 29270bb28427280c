//! The Adafactor passes as WASM exports, as in `exports`.

#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

use crate::adafactor_apply::{self, Step, Update};
use crate::adafactor_moments::{self, Decay, Sums};
use crate::operands::{In, Indices, Out, is_set, or_throw, read, read_at, write, write_at};
use crate::{adafactor_stats, sums};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub fn adafactor_stats(
    grad: In,
    sums: Out,
    grad_offset: usize,
    batch: usize,
    rows: usize,
    cols: usize,
    row_sums: usize,
    col_sums: usize,
    total: usize,
) {
    for b in 0..batch {
        let grad = read_at(grad, grad_offset + b * rows * cols, rows * cols);
        let row_sums = write_at(sums, row_sums + b * rows, rows);
        let col_sums = write_at(sums, col_sums + b * cols, cols);
        let sum = or_throw(adafactor_stats::adafactor_stats(grad, row_sums, col_sums));
        write_at(sums, total + b, 1)[0] = sum;
    }
}

#[wasm_bindgen]
pub fn adafactor_guard(sums: In, guard: *mut u32, offset: usize, length: usize) {
    let found = adafactor_moments::adafactor_guard(read_at(sums, offset, length));
    // SAFETY: the host bound at least one element.
    unsafe { *guard = found.into() };
}

#[wasm_bindgen]
pub fn adafactor_moments(
    sums: In,
    guard: Indices,
    moments: Out,
    factors: Out,
    batch: usize,
    rows: usize,
    cols: usize,
    row_sums: usize,
    col_sums: usize,
    total: usize,
    global_rows: f32,
    global_cols: f32,
    keep: f32,
    take: f32,
    eps1: f32,
) {
    if is_set(guard) {
        return;
    }
    let sums = Sums {
        rows: read_at(sums, row_sums, batch * rows),
        cols: read_at(sums, col_sums, batch * cols),
        totals: read_at(sums, total, batch),
    };
    let decay = Decay { global_rows, global_cols, keep, take, eps1 };
    let moments = write(moments, batch * (rows + cols + 1));
    let factors = write(factors, batch * (rows + cols));
    adafactor_moments::adafactor_moments(sums, &decay, moments, factors);
}

#[wasm_bindgen]
pub fn adafactor_update_squares(
    grad: In,
    factors: In,
    sums: Out,
    grad_offset: usize,
    batch: usize,
    rows: usize,
    cols: usize,
    slot: usize,
) {
    let update = update(grad, factors, grad_offset, batch, rows, cols);
    write_at(sums, slot, 1)[0] = adafactor_apply::adafactor_update_squares(&update);
}

#[wasm_bindgen]
pub fn adafactor_apply(
    grad: In,
    factors: In,
    guard: Indices,
    param: Out,
    sums: Out,
    grad_offset: usize,
    param_offset: usize,
    batch: usize,
    rows: usize,
    cols: usize,
    update_squares: usize,
    param_squares: usize,
    next_param_squares: usize,
    count: f32,
    rate: f32,
    scale_parameter: u32,
    scale_floor: f32,
    clip_threshold: f32,
    weight_decay: f32,
) {
    let param = write_at(param, param_offset, batch * rows * cols);
    let squares = if is_set(guard) {
        sums::sum_squares(param)
    } else {
        let update = update(grad, factors, grad_offset, batch, rows, cols);
        let step = Rate { count, rate, scale_parameter, scale_floor, clip_threshold, weight_decay }
            .step(sums, update_squares, param_squares);
        adafactor_apply::adafactor_apply(&update, param, &step)
    };
    write_at(sums, next_param_squares, 1)[0] = squares;
}

#[wasm_bindgen]
pub fn adafactor_apply_momentum(
    grad: In,
    factors: In,
    guard: Indices,
    param: Out,
    momentum: Out,
    sums: Out,
    grad_offset: usize,
    param_offset: usize,
    batch: usize,
    rows: usize,
    cols: usize,
    update_squares: usize,
    param_squares: usize,
    next_param_squares: usize,
    count: f32,
    rate: f32,
    scale_parameter: u32,
    scale_floor: f32,
    clip_threshold: f32,
    weight_decay: f32,
    beta1: f32,
) {
    let param = write_at(param, param_offset, batch * rows * cols);
    let squares = if is_set(guard) {
        sums::sum_squares(param)
    } else {
        let momentum = write(momentum, batch * rows * cols);
        let update = update(grad, factors, grad_offset, batch, rows, cols);
        let step = Rate { count, rate, scale_parameter, scale_floor, clip_threshold, weight_decay }
            .step(sums, update_squares, param_squares);
        adafactor_apply::adafactor_apply_momentum(&update, param, momentum, &step, beta1)
    };
    write_at(sums, next_param_squares, 1)[0] = squares;
}

/// What makes the step's length.
struct Rate {
    count: f32,
    rate: f32,
    scale_parameter: u32,
    scale_floor: f32,
    clip_threshold: f32,
    weight_decay: f32,
}

impl Rate {
    /// With U2 and P2 at these slots of `sums`.
    fn step(self, sums: Out, update_squares: usize, param_squares: usize) -> Step {
        let rms = |slot| (read_at(sums, slot, 1)[0] / self.count).sqrt();
        let scale =
            if self.scale_parameter == 0 { 1.0 } else { self.scale_floor.max(rms(param_squares)) };
        let rate = self.rate * scale;
        let clip = 1f32.max(rms(update_squares) / self.clip_threshold);
        Step { decay: rate * self.weight_decay, over: rate / clip }
    }
}

fn update<'a>(
    grad: In,
    factors: In,
    grad_offset: usize,
    batch: usize,
    rows: usize,
    cols: usize,
) -> Update<'a> {
    Update {
        grad: read_at(grad, grad_offset, batch * rows * cols),
        row_factors: read(factors, batch * rows),
        col_factors: read_at(factors, batch * rows, batch * cols),
        rows,
        cols,
    }
}
