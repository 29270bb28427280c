//! Attention as WASM exports, in the order of src/device/kernels.ts.

#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

use crate::operands::{In, Indices, Out, or_throw, read, read_flags, write};
use crate::ops::attention_backward::Gradients;
use crate::ops::attention_scores::{Attention, Operands};
use crate::ops::dropout::Dropping;
use crate::ops::{attention, attention_backward};
use wasm_bindgen::prelude::*;

/// The operands that every pass reads, and its sizes, from an export's arguments.
macro_rules! sizes {
    ($q:ident, $k:ident, $v:ident, $key_mask:ident, $bias:ident, $batch:ident, $queries:ident, $keys:ident,
     $heads:ident, $key_heads:ident, $dim:ident, $value_dim:ident, $causal:ident, $window:ident, $masked:ident,
     $biased:ident, $scale:ident, $seed_low:ident, $seed_high:ident, $threshold:ident, $kept_scale:ident,
     $first_head:ident, $all_heads:ident) => {{
        let key_rows = $batch * $keys * $key_heads;
        let distances =
            if $biased == 0 { 0 } else { $heads * ($queries + $keys).saturating_sub(1) };
        let operands = Operands {
            q: read($q, $batch * $queries * $heads * $dim),
            k: read($k, key_rows * $dim),
            v: read($v, key_rows * $value_dim),
            key_mask: read_flags($key_mask, if $masked == 0 { 0 } else { $batch * $keys }),
            bias: read($bias, distances),
        };
        let attention = Attention {
            batch: $batch,
            queries: $queries,
            keys: $keys,
            heads: $heads,
            key_heads: $key_heads,
            dim: $dim,
            value_dim: $value_dim,
            causal: $causal != 0,
            window: $window,
            scale: $scale,
            dropping: Dropping {
                seed: [$seed_low, $seed_high],
                threshold: $threshold,
                scale: $kept_scale,
            },
            first_head: $first_head,
            all_heads: $all_heads,
        };
        (operands, attention)
    }};
}

#[wasm_bindgen]
pub fn attention(
    q: In,
    k: In,
    v: In,
    key_mask: Indices,
    bias: In,
    out: Out,
    lse: Out,
    batch: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    key_heads: usize,
    dim: usize,
    value_dim: usize,
    causal: u32,
    window: usize,
    masked: u32,
    biased: u32,
    scale: f32,
    seed_low: u32,
    seed_high: u32,
    threshold: u32,
    kept_scale: f32,
    first_head: u32,
    all_heads: u32,
) {
    let (operands, sizes) = sizes!(
        q, k, v, key_mask, bias, batch, queries, keys, heads, key_heads, dim, value_dim, causal,
        window, masked, biased, scale, seed_low, seed_high, threshold, kept_scale, first_head,
        all_heads
    );
    let rows = batch * queries * heads;
    let (out, lse) = (write(out, rows * value_dim), write(lse, rows));
    or_throw(attention::attention(&operands, &sizes, out, lse));
}

#[wasm_bindgen]
pub fn attention_delta(
    dout: In,
    out: In,
    lse: In,
    moments: Out,
    batch: usize,
    queries: usize,
    heads: usize,
    value_dim: usize,
) {
    let rows = batch * queries * heads;
    let (dout, out) = (read(dout, rows * value_dim), read(out, rows * value_dim));
    let (lse, moments) = (read(lse, rows), write(moments, 2 * rows));
    attention_backward::attention_delta(dout, out, lse, heads, queries, value_dim, moments);
}

#[wasm_bindgen]
pub fn attention_backward(
    q: In,
    k: In,
    v: In,
    key_mask: Indices,
    bias: In,
    dout: In,
    moments: In,
    dq: Out,
    dk: Out,
    dv: Out,
    batch: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    key_heads: usize,
    dim: usize,
    value_dim: usize,
    causal: u32,
    window: usize,
    masked: u32,
    biased: u32,
    scale: f32,
    seed_low: u32,
    seed_high: u32,
    threshold: u32,
    kept_scale: f32,
    first_head: u32,
    all_heads: u32,
) {
    let (operands, sizes) = sizes!(
        q, k, v, key_mask, bias, batch, queries, keys, heads, key_heads, dim, value_dim, causal,
        window, masked, biased, scale, seed_low, seed_high, threshold, kept_scale, first_head,
        all_heads
    );
    let (rows, key_rows) = (batch * queries * heads, batch * keys * key_heads);
    let (dout, moments) = (read(dout, rows * value_dim), read(moments, 2 * rows));
    let mut gradients = Gradients {
        dq: write(dq, rows * dim),
        dk: write(dk, key_rows * dim),
        dv: write(dv, key_rows * value_dim),
    };
    or_throw(attention_backward::attention_backward(
        &operands,
        dout,
        moments,
        &sizes,
        &mut gradients,
    ));
}

#[wasm_bindgen]
pub fn attention_bias_backward(
    q: In,
    k: In,
    v: In,
    key_mask: Indices,
    bias: In,
    dout: In,
    moments: In,
    dbias: Out,
    batch: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    key_heads: usize,
    dim: usize,
    value_dim: usize,
    causal: u32,
    window: usize,
    masked: u32,
    biased: u32,
    scale: f32,
    seed_low: u32,
    seed_high: u32,
    threshold: u32,
    kept_scale: f32,
    first_head: u32,
    all_heads: u32,
) {
    let (operands, sizes) = sizes!(
        q, k, v, key_mask, bias, batch, queries, keys, heads, key_heads, dim, value_dim, causal,
        window, masked, biased, scale, seed_low, seed_high, threshold, kept_scale, first_head,
        all_heads
    );
    let rows = batch * queries * heads;
    let (dout, moments) = (read(dout, rows * value_dim), read(moments, 2 * rows));
    let dbias = write(dbias, heads * (queries + keys).saturating_sub(1));
    or_throw(attention_backward::attention_bias_backward(&operands, dout, moments, &sizes, dbias));
}
