//! The kernels as WASM exports: the names, and the arguments in the order, of src/device/kernels.ts: bindings as pointers,
//! then parameters. The Adafactor passes are in `exports_adafactor`.

#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

use crate::operands::{
    In, Indices, Out, or_throw, read, read_below_or, read_indices, read_stored, write, write_at,
    write_stored,
};
use crate::ops::elementwise::Stripe;
use crate::ops::embedding::NO_ROW;
use crate::ops::matmul::Product;
use crate::ops::norm::{Moments, Norm};
use crate::ops::permute::Order;
use crate::ops::rotary::Rotation;
use crate::ops::split_cross_entropy::{Classes, STATISTICS, Scaling};
use crate::ops::{
    activations, dropout, elementwise, embedding, gelu, matmul, norm, permute, rotary, softmax,
    softmax_cross_entropy, split_cross_entropy, sums,
};
use crate::storage::cast;
use wasm_bindgen::prelude::*;

macro_rules! export_matmul {
    ($name:ident) => {
        #[wasm_bindgen]
        pub fn $name(
            a: In,
            b: In,
            bias: In,
            out: Out,
            batch: usize,
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
            let (a, b) = (read(a, batch * m * k), read(b, batch * k * n));
            let (bias, out) = (read(bias, bias_length), write(out, batch * m * n));
            for i in 0..batch {
                let (a, b) = (&a[i * m * k..][..m * k], &b[i * k * n..][..k * n]);
                let out = &mut out[i * m * n..][..m * n];
                or_throw(matmul::$name(a, b, bias, out, &product));
            }
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
pub fn add_bias(x: In, bias: In, out: Out, rows: usize, cols: usize) {
    elementwise::add_bias(read(x, rows * cols), read(bias, cols), write(out, rows * cols));
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

macro_rules! export_activation {
    ($name:ident, $backward:ident) => {
        #[wasm_bindgen]
        pub fn $name(x: In, out: Out, length: usize) {
            activations::$name(read(x, length), write(out, length));
        }

        #[wasm_bindgen]
        pub fn $backward(x: In, dy: In, dx: Out, length: usize) {
            activations::$backward(read(x, length), read(dy, length), write(dx, length));
        }
    };
}
export_activation!(relu, relu_backward);
export_activation!(silu, silu_backward);
export_activation!(gelu_tanh, gelu_tanh_backward);
export_activation!(hyperbolic_tangent, hyperbolic_tangent_backward);

#[wasm_bindgen]
pub fn norm(
    x: In,
    weight: In,
    bias: In,
    out: Out,
    moments: Out,
    rows: usize,
    cols: usize,
    bias_length: usize,
    eps: f32,
    centred: u32,
) {
    let (x, out) = (read(x, rows * cols), write(out, rows * cols));
    let moments: &mut [Moments] = write(moments, 2 * rows).as_chunks_mut().0;
    let rule = Norm { eps, centred: centred != 0 };
    norm::norm(x, read(weight, cols), read(bias, bias_length), &rule, out, moments);
}

#[wasm_bindgen]
pub fn norm_backward(
    x: In,
    weight: In,
    dy: In,
    moments: In,
    dx: Out,
    rows: usize,
    cols: usize,
    centred: u32,
) {
    let (x, dy) = (read(x, rows * cols), read(dy, rows * cols));
    let moments: &[Moments] = read(moments, 2 * rows).as_chunks().0;
    let dx = write(dx, rows * cols);
    norm::norm_backward(x, read(weight, cols), dy, moments, centred != 0, dx);
}

#[wasm_bindgen]
pub fn norm_weight_backward(x: In, dy: In, moments: In, dweight: Out, rows: usize, cols: usize) {
    let (x, dy) = (read(x, rows * cols), read(dy, rows * cols));
    let moments: &[Moments] = read(moments, 2 * rows).as_chunks().0;
    or_throw(norm::norm_weight_backward(x, dy, moments, write(dweight, cols)));
}

#[wasm_bindgen]
pub fn rotary(
    x: In,
    cos: In,
    sin: In,
    out: Out,
    rows: usize,
    heads: usize,
    positions: usize,
    dim: usize,
    rotary_dim: usize,
    interleaved: u32,
    sign: f32,
) {
    let angles = positions * (rotary_dim / 2);
    let interleaved = interleaved != 0;
    let rotation = Rotation { heads, positions, dim, rotary_dim, interleaved, sign };
    let (x, out) = (read(x, rows * dim), write(out, rows * dim));
    rotary::rotary(x, read(cos, angles), read(sin, angles), &rotation, out);
}

#[wasm_bindgen]
pub fn permute(
    x: In,
    out: Out,
    dim0: usize,
    dim1: usize,
    dim2: usize,
    dim3: usize,
    stride0: usize,
    stride1: usize,
    stride2: usize,
    stride3: usize,
) {
    let dims = [dim0, dim1, dim2, dim3];
    let length = dims.iter().product();
    let strides = [stride0, stride1, stride2, stride3];
    permute::permute(read(x, length), &Order { dims, strides }, write(out, length));
}

#[wasm_bindgen]
pub fn dropout(
    x: In,
    out: Out,
    length: usize,
    cols: usize,
    row_length: u32,
    seed_low: u32,
    seed_high: u32,
    first: u32,
    threshold: u32,
    scale: f32,
) {
    let indices = dropout::Indices { first, cols: cols.max(1), row_length };
    let dropping = dropout::Dropping { seed: [seed_low, seed_high], threshold, scale };
    dropout::dropout(read(x, length), &indices, dropping, write(out, length));
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
    let indices = read_below_or("embedding", indices, count, num_rows, NO_ROW);
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
    let indices = read_below_or("embedding_backward", indices, count, num_rows, NO_ROW);
    let dtable = write(dtable, num_rows * width);
    embedding::embedding_backward(indices, read(dy, count * width), width, dtable);
}

#[wasm_bindgen]
pub fn softmax(x: In, out: Out, rows: usize, cols: usize) {
    softmax::softmax(read(x, rows * cols), cols, write(out, rows * cols));
}

#[wasm_bindgen]
pub fn softmax_backward(y: In, dy: In, dx: Out, rows: usize, cols: usize) {
    let (y, dy) = (read(y, rows * cols), read(dy, rows * cols));
    softmax::softmax_backward(y, dy, cols, write(dx, rows * cols));
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
    ignored: u32,
) {
    let (logits, dlogits) = (read(logits, rows * cols), write(dlogits, rows * cols));
    let targets = read_below_or("softmax_cross_entropy", targets, rows, cols, ignored);
    let losses = write(losses, rows);
    softmax_cross_entropy::softmax_cross_entropy(
        logits, targets, cols, grad_scale, ignored, losses, dlogits,
    );
}

#[wasm_bindgen]
pub fn split_softmax(
    logits: In,
    targets: Indices,
    exps: Out,
    statistics: Out,
    rows: usize,
    cols: usize,
    first_class: usize,
    num_classes: usize,
) {
    let classes = Classes { first: first_class, count: num_classes, cols };
    let (logits, exps) = (read(logits, rows * cols), write(exps, rows * cols));
    let targets = read_indices(targets, rows);
    let statistics = write(statistics, STATISTICS * rows);
    split_cross_entropy::split_softmax(logits, targets, &classes, exps, statistics);
}

#[wasm_bindgen]
pub fn split_cross_entropy(
    statistics: In,
    targets: Indices,
    losses: Out,
    dlogits: Out,
    rows: usize,
    cols: usize,
    first_class: usize,
    num_classes: usize,
    rank: usize,
    ranks: usize,
    grad_scale: f32,
    ignored: u32,
) {
    let classes = Classes { first: first_class, count: num_classes, cols };
    let scaling = Scaling { rank, grad_scale, ignored };
    let statistics = read(statistics, ranks * rows * STATISTICS);
    let targets = read_indices(targets, rows);
    let (losses, dlogits) = (write(losses, rows), write(dlogits, rows * cols));
    split_cross_entropy::split_cross_entropy(
        statistics, targets, &classes, &scaling, losses, dlogits,
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
