//! The kernels as WASM exports: the names, and the arguments in the order, of src/device/kernels.ts: bindings as pointers,
//! then parameters.
//!
//! The host has checked every operand's length and that what is written is bound once (src/device/extents.ts); on that
//! `read` and `write` rely, here and nowhere else.

#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

use crate::adafactor_apply::{self, Step, Update};
use crate::adafactor_moments::{self, Decay, Sums};
use crate::allocation::OutOfMemory;
use crate::elementwise::Stripe;
use crate::matmul::Product;
use crate::{adafactor_stats, elementwise, embedding, gelu, matmul, softmax_cross_entropy, sums};
use wasm_bindgen::prelude::*;

type In = *const f32;
type Indices = *const u32;
type Out = *mut f32;

macro_rules! export_matmul {
    ($name:ident) => {
        #[wasm_bindgen]
        pub fn $name(
            a: In,
            b: In,
            bias: In,
            out: Out,
            m: usize,
            n: usize,
            k: usize,
            row_begin: usize,
            row_end: usize,
            bias_length: usize,
            accumulate: u32,
        ) {
            let accumulate = accumulate != 0;
            let product = Product { m, n, k, rows: row_begin..row_end, accumulate };
            let (a, b) = (read(a, m * k), read(b, k * n));
            or_throw(matmul::$name(a, b, read(bias, bias_length), write(out, m * n), &product));
        }
    };
}
export_matmul!(matmul_nn);
export_matmul!(matmul_nt);
export_matmul!(matmul_tn);

#[wasm_bindgen]
pub fn add(a: In, b: In, out: Out, length: usize) {
    elementwise::add(read(a, length), read(b, length), write(out, length));
}

#[wasm_bindgen]
pub fn mul(a: In, b: In, out: Out, length: usize) {
    elementwise::mul(read(a, length), read(b, length), write(out, length));
}

#[wasm_bindgen]
pub fn add_row(x: In, bias: In, out: Out, rows: usize, cols: usize) {
    elementwise::add_row(read(x, rows * cols), read(bias, cols), write(out, rows * cols));
}

#[wasm_bindgen]
pub fn scale(x: In, out: Out, length: usize, factor: f32) {
    elementwise::scale(read(x, length), factor, write(out, length));
}

#[wasm_bindgen]
pub fn scale_by(x: In, factor: In, out: Out, length: usize) {
    elementwise::scale(read(x, length), read(factor, 1)[0], write(out, length));
}

#[wasm_bindgen]
pub fn accumulate(x: In, out: Out, length: usize, factor: f32) {
    elementwise::accumulate(read(x, length), factor, write(out, length));
}

#[wasm_bindgen]
pub fn fill(out: Out, offset: usize, length: usize, value: f32) {
    write_at(out, offset, length).fill(value);
}

#[wasm_bindgen]
pub fn copy_block(
    x: In,
    out: Out,
    rows: usize,
    cols: usize,
    from_stride: usize,
    from_offset: usize,
    to_stride: usize,
    to_offset: usize,
) {
    if rows == 0 || cols == 0 {
        return;
    }
    let from = Stripe { stride: from_stride, offset: from_offset };
    let to = Stripe { stride: to_stride, offset: to_offset };
    let x = read(x, from.end(rows, cols));
    elementwise::copy_block(x, from, write(out, to.end(rows, cols)), to, rows, cols);
}

#[wasm_bindgen]
pub fn gelu(x: In, out: Out, length: usize) {
    gelu::gelu(read(x, length), write(out, length));
}

#[wasm_bindgen]
pub fn gelu_backward(x: In, dy: In, dx: Out, length: usize) {
    gelu::gelu_backward(read(x, length), read(dy, length), write(dx, length));
}

#[wasm_bindgen]
pub fn embedding(
    table: In,
    indices: Indices,
    out: Out,
    count: usize,
    width: usize,
    num_rows: usize,
) {
    let indices = read_below("embedding", indices, count, num_rows);
    embedding::embedding(read(table, num_rows * width), indices, width, write(out, count * width));
}

#[wasm_bindgen]
pub fn embedding_backward(
    indices: Indices,
    dy: In,
    dtable: Out,
    count: usize,
    width: usize,
    num_rows: usize,
) {
    let indices = read_below("embedding_backward", indices, count, num_rows);
    let dtable = write(dtable, num_rows * width);
    embedding::embedding_backward(indices, read(dy, count * width), width, dtable);
}

#[wasm_bindgen]
pub fn softmax_cross_entropy(
    logits: In,
    targets: Indices,
    losses: Out,
    dlogits: Out,
    rows: usize,
    cols: usize,
    grad_scale: f32,
) {
    let (logits, dlogits) = (read(logits, rows * cols), write(dlogits, rows * cols));
    let targets = read_below("softmax_cross_entropy", targets, rows, cols);
    let losses = write(losses, rows);
    softmax_cross_entropy::softmax_cross_entropy(
        logits, targets, cols, grad_scale, losses, dlogits,
    );
}

#[wasm_bindgen]
pub fn row_sums(x: In, out: Out, rows: usize, cols: usize, accumulate: u32) {
    sums::row_sums(read(x, rows * cols), cols, accumulate != 0, write(out, rows));
}

#[wasm_bindgen]
pub fn column_sums(x: In, out: Out, rows: usize, cols: usize, accumulate: u32) {
    or_throw(sums::column_sums(read(x, rows * cols), accumulate != 0, write(out, cols)));
}

#[wasm_bindgen]
pub fn sum_squares(x: In, sums: Out, offset: usize, length: usize, slot: usize) {
    write_at(sums, slot, 1)[0] = sums::sum_squares(read_at(x, offset, length));
}

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

/// A JavaScript error that names the size; nothing was written yet.
fn or_throw<T>(result: Result<T, OutOfMemory>) -> T {
    match result {
        Ok(value) => value,
        Err(OutOfMemory { bytes }) => wasm_bindgen::throw_str(&format!(
            "Out of WASM memory: a kernel wants {bytes} bytes of scratch: use smaller batches, more ranks or webgpu"
        )),
    }
}

fn is_set(guard: Indices) -> bool {
    // SAFETY: the host bound at least one element.
    unsafe { *guard != 0 }
}

/// `count` indices, all below `limit`; else an error, before anything is written.
fn read_below<'a>(kernel: &str, indices: Indices, count: usize, limit: usize) -> &'a [u32] {
    // SAFETY: the host bound at least `count` elements.
    let indices = unsafe { core::slice::from_raw_parts(indices, count) };
    if let Some(index) = indices.iter().find(|&&index| index as usize >= limit) {
        wasm_bindgen::throw_str(&format!(
            "{kernel}: wanted indices below {limit}, got {index}: check them before they go to the device"
        ));
    }
    indices
}

fn read<'a>(pointer: In, length: usize) -> &'a [f32] {
    read_at(pointer, 0, length)
}

fn read_at<'a>(pointer: *const f32, offset: usize, length: usize) -> &'a [f32] {
    // An empty operand's pointer and offset may be anything.
    if length == 0 {
        return &[];
    }
    // SAFETY: the host bound at least `offset + length` elements, and nobody else writes them now.
    unsafe { core::slice::from_raw_parts(pointer.add(offset), length) }
}

fn write<'a>(pointer: Out, length: usize) -> &'a mut [f32] {
    write_at(pointer, 0, length)
}

fn write_at<'a>(pointer: Out, offset: usize, length: usize) -> &'a mut [f32] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: the host bound at least `offset + length` elements, and to no other operand of this call.
    unsafe { core::slice::from_raw_parts_mut(pointer.add(offset), length) }
}
