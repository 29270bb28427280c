//! The Adafactor passes as WASM exports, as in `exports`.

#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

use crate::adafactor_apply::{self, CautiousStep, MomentumStep, Step, Update};
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
pub fn adafactor_gradient_scale(
    sums: Out,
    offset: usize,
    length: usize,
    slot: usize,
    factor: f32,
    max_norm: f32,
) {
    let squares = read_at(sums, offset, length);
    let scale = adafactor_moments::adafactor_gradient_scale(squares, factor, max_norm);
    write_at(sums, slot, 1)[0] = scale;
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
    gradient_scale: usize,
    global_rows: f32,
    global_cols: f32,
    keep: f32,
    take: f32,
    eps1: f32,
    mean_floor: f32,
    factor_cap: f32,
) {
    if is_set(guard) {
        return;
    }
    let scale = read_at(sums, gradient_scale, 1)[0];
    let sums = Sums {
        rows: read_at(sums, row_sums, batch * rows),
        cols: read_at(sums, col_sums, batch * cols),
        totals: read_at(sums, total, batch),
    };
    let decay = Decay { global_rows, global_cols, keep, take, eps1, scale, mean_floor, factor_cap };
    let moments = write(moments, batch * (rows + cols + 1));
    let factors = write(factors, batch * (rows + cols) + 1);
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
    scale_ceiling: f32,
    clip_threshold: f32,
    weight_decay: f32,
    absolute_decay: f32,
) {
    let param = write_at(param, param_offset, batch * rows * cols);
    let squares = if is_set(guard) {
        sums::sum_squares(param)
    } else {
        let update = update(grad, factors, grad_offset, batch, rows, cols);
        let Size { rate, clip, decay } = Rate {
            count,
            rate,
            scale_parameter,
            scale_floor,
            scale_ceiling,
            clip_threshold,
            weight_decay,
            absolute_decay,
        }
        .size(sums, update_squares, param_squares);
        adafactor_apply::adafactor_apply(&update, param, &Step { decay, over: rate / clip })
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
    scale_ceiling: f32,
    clip_threshold: f32,
    weight_decay: f32,
    absolute_decay: f32,
    beta1: f32,
    rate_after_momentum: u32,
) {
    let param = write_at(param, param_offset, batch * rows * cols);
    let squares = if is_set(guard) {
        sums::sum_squares(param)
    } else {
        let momentum = write(momentum, batch * rows * cols);
        let update = update(grad, factors, grad_offset, batch, rows, cols);
        let Size { rate, clip, decay } = Rate {
            count,
            rate,
            scale_parameter,
            scale_floor,
            scale_ceiling,
            clip_threshold,
            weight_decay,
            absolute_decay,
        }
        .size(sums, update_squares, param_squares);
        let (before, over) = if rate_after_momentum == 0 { (rate, 1.0) } else { (1.0, rate) };
        let take = (1.0 - beta1) * before / clip;
        let step = MomentumStep { decay, keep: beta1, take, over };
        adafactor_apply::adafactor_apply_momentum(&update, param, momentum, &step)
    };
    write_at(sums, next_param_squares, 1)[0] = squares;
}

#[wasm_bindgen]
pub fn adafactor_momentum(
    grad: In,
    factors: In,
    guard: Indices,
    momentum: Out,
    sums: Out,
    grad_offset: usize,
    batch: usize,
    rows: usize,
    cols: usize,
    update_squares: usize,
    param_squares: usize,
    aligned: usize,
    count: f32,
    rate: f32,
    scale_parameter: u32,
    scale_floor: f32,
    scale_ceiling: f32,
    clip_threshold: f32,
    beta1: f32,
    rate_after_momentum: u32,
) {
    let number = if is_set(guard) {
        0.0
    } else {
        let momentum = write(momentum, batch * rows * cols);
        let update = update(grad, factors, grad_offset, batch, rows, cols);
        let Size { rate, clip, .. } = Rate {
            count,
            rate,
            scale_parameter,
            scale_floor,
            scale_ceiling,
            clip_threshold,
            weight_decay: 0.0,
            absolute_decay: 0.0,
        }
        .size(sums, update_squares, param_squares);
        let before = if rate_after_momentum == 0 { rate } else { 1.0 };
        let take = (1.0 - beta1) * before / clip;
        adafactor_apply::adafactor_momentum(&update, momentum, beta1, take)
    };
    write_at(sums, aligned, 1)[0] = number;
}

#[wasm_bindgen]
pub fn adafactor_apply_cautious(
    grad: In,
    factors: In,
    guard: Indices,
    param: Out,
    momentum: In,
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
    scale_ceiling: f32,
    clip_threshold: f32,
    weight_decay: f32,
    absolute_decay: f32,
    rate_after_momentum: u32,
    aligned: usize,
) {
    let param = write_at(param, param_offset, batch * rows * cols);
    let squares = if is_set(guard) {
        sums::sum_squares(param)
    } else {
        let momentum = read(momentum, batch * rows * cols);
        let update = update(grad, factors, grad_offset, batch, rows, cols);
        let Size { rate, clip, decay } = Rate {
            count,
            rate,
            scale_parameter,
            scale_floor,
            scale_ceiling,
            clip_threshold,
            weight_decay,
            absolute_decay,
        }
        .size(sums, update_squares, param_squares);
        let (before, after) = if rate_after_momentum == 0 { (rate, 1.0) } else { (1.0, rate) };
        let share = (read_at(sums, aligned, 1)[0] / count).max(1e-3);
        let step = CautiousStep { decay, take: before / clip, over: after / share };
        adafactor_apply::adafactor_apply_cautious(&update, param, momentum, &step)
    };
    write_at(sums, next_param_squares, 1)[0] = squares;
}

/// What makes the step's length.
struct Rate {
    count: f32,
    rate: f32,
    scale_parameter: u32,
    scale_floor: f32,
    scale_ceiling: f32,
    clip_threshold: f32,
    weight_decay: f32,
    absolute_decay: f32,
}

/// a, d and the share of p that decays.
struct Size {
    rate: f32,
    clip: f32,
    decay: f32,
}

impl Rate {
    /// From U2 and P2 at these slots of `sums`.
    fn size(&self, sums: Out, update_squares: usize, param_squares: usize) -> Size {
        let rms = |slot| (read_at(sums, slot, 1)[0] / self.count).sqrt();
        let scale = match self.scale_parameter {
            0 => 1.0,
            _ => self.scale_ceiling.min(self.scale_floor.max(rms(param_squares))),
        };
        let rate = self.rate * scale;
        let clip = 1f32.max(rms(update_squares) / self.clip_threshold);
        Size { rate, clip, decay: rate * self.weight_decay + self.absolute_decay }
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
        most: read_at(factors, batch * (rows + cols), 1)[0],
        rows,
        cols,
    }
}
