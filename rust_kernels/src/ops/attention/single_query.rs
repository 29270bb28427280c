//! Attention of one query per head over many keys, as for one token of each text when a model generates.
//!
//! Keys and values are read once, from where they are stored: blocks of queries (forward.rs) would pack all of them, and compute eight
//! queries for one. The scores of a query are stored whole, as there are only as many as keys.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::attention::scores::capped;
use crate::ops::attention::shape::{Attention, Operands, Place};
use crate::ops::scaled_sum::add_scaled;
use crate::ops::softmax::softmax;
use crate::simd::f32x4::{F32x4, LANES};

/// -> out [batch, 1, heads, value_dim], lse [batch, heads, 1]; both 0 for a query that attends to no key.
pub fn single_query(
    operands: &Operands,
    attention: &Attention,
    out: &mut [f32],
    lse: &mut [f32],
) -> Result<(), OutOfMemory> {
    let &Attention { batch, keys, heads, key_heads, dim, value_dim, scale, .. } = attention;
    let &Operands { q, k, v, key_mask, bias } = operands;
    let mut scores = scratch(keys)?;
    let mut weights = scratch(keys)?;
    for row in 0..batch * heads {
        let (batch, head) = (row / heads, row % heads);
        let key_head = head / (heads / key_heads);
        let place = |width| Place { batch, head: key_head, length: keys, heads: key_heads, width };
        let (k, v) = (place(dim).slice(k), place(value_dim).slice(v));
        let q = &q[row * dim..][..dim];
        let out = &mut out[row * value_dim..][..value_dim];
        out.fill(0.0);
        products(q, k, key_heads * dim, &mut scores);
        for (key, score) in scores.iter_mut().enumerate() {
            *score = scale * *score + if bias.is_empty() { 0.0 } else { bias[head * keys + key] };
        }
        if attention.soft_cap != 0.0 {
            for scores in scores.chunks_mut(LANES) {
                let capped = capped(F32x4::load_partial(scores), attention.soft_cap).lanes();
                scores.copy_from_slice(&capped[..scores.len()]);
            }
        }
        for (key, score) in scores.iter_mut().enumerate() {
            let masked = !key_mask.is_empty() && key_mask[batch * keys + key] == 0;
            if masked || !attention.attends(0, key) {
                *score = f32::NEG_INFINITY;
            }
        }
        if scores.iter().all(|&score| score == f32::NEG_INFINITY) {
            lse[row] = 0.0;
            continue;
        }
        softmax(&scores, keys, &mut weights);
        // The largest weight is 1 / sum of e^(score - largest score).
        let largest = |values: &[f32]| values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        lse[row] = largest(&scores) - largest(&weights).ln();
        weighted_sum(&weights, v, key_heads * value_dim, out);
    }
    Ok(())
}

/// out[key] = q . k[key], of rows `stride` apart; four keys at a time, so that their sums do not wait for each other
fn products(q: &[f32], k: &[f32], stride: usize, out: &mut [f32]) {
    let whole = q.len() / LANES * LANES;
    for (keys, out) in (0..).step_by(LANES).zip(out.chunks_mut(LANES)) {
        // Beyond the last key it is read again.
        let rows: [&[f32]; LANES] =
            core::array::from_fn(|i| &k[(keys + i.min(out.len() - 1)) * stride..][..q.len()]);
        let mut sums = [F32x4::splat(0.0); LANES];
        for at in (0..whole).step_by(LANES) {
            // SAFETY: at + 4 <= q.len(), the length of each row.
            let q = unsafe { F32x4::load(q, at) };
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum += q * unsafe { F32x4::load(row, at) };
            }
        }
        let [a, b, c, d] = F32x4::transpose(sums);
        let mut sums = ((a + c) + (b + d)).lanes();
        for at in whole..q.len() {
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum += q[at] * row[at];
            }
        }
        out.copy_from_slice(&sums[..out.len()]);
    }
}

/// out += sum of weights[key] v[key], of rows `stride` apart; four keys at a time
fn weighted_sum(weights: &[f32], v: &[f32], stride: usize, out: &mut [f32]) {
    let width = out.len();
    let row = |key: usize| &v[key * stride..][..width];
    let quads = weights.len() / LANES * LANES;
    let whole = width / LANES * LANES;
    for first in (0..quads).step_by(LANES) {
        let rows: [&[f32]; LANES] = core::array::from_fn(|i| row(first + i));
        let weights = &weights[first..first + LANES];
        for at in (0..whole).step_by(LANES) {
            // SAFETY: at + 4 <= width, the length of each row.
            let term = |i: usize| F32x4::splat(weights[i]) * unsafe { F32x4::load(rows[i], at) };
            let sum = (term(0) + term(1)) + (term(2) + term(3));
            unsafe { (F32x4::load(out, at) + sum).store(out, at) };
        }
        for at in whole..width {
            out[at] += rows.iter().zip(weights).map(|(row, weight)| row[at] * weight).sum::<f32>();
        }
    }
    for key in quads..weights.len() {
        add_scaled(out, weights[key], row(key));
    }
}
