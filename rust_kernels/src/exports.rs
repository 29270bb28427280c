//! The kernels as WASM exports: the names, and the arguments in the order, of src/device/kernels.ts: bindings as pointers,
//! then parameters. The Adafactor passes are in `exports_adafactor`.

#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

use crate::elementwise::Stripe;
use crate::matmul::Product;
use crate::operands::{
    In, Indices, Out, or_throw, read, read_at, read_below, read_stored, write, write_at,
    write_stored,
};
use crate::{cast, elementwise, embedding, gelu, matmul, softmax_cross_entropy, sums};
use wasm_bindgen::prelude::*;

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

macro_rules! export_cast {
    ($name:ident) => {
        #[wasm_bindgen]
        pub fn $name(
            x: In,
            out: Out,
            from_type: u32,
            to_type: u32,
            from_offset: usize,
            to_offset: usize,
            length: usize,
        ) {
            let x = read_stored(x, from_type, from_offset, length);
            cast::$name(x, write_stored(out, to_type, to_offset, length));
        }
    };
}
export_cast!(cast);
export_cast!(accumulate_cast);

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
    table_type: u32,
) {
    let indices = read_below("embedding", indices, count, num_rows);
    let table = read_stored(table, table_type, 0, num_rows * width);
    embedding::embedding(table, indices, width, write(out, count * width));
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
