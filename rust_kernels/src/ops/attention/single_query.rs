//! Attention of one query per head over many keys, as for one token of each text when a model generates.
//!
//! Keys and values are read once, from where they are stored: blocks of queries (forward.rs) would pack all of them, and compute eight
//! queries for one. The scores of a query are stored whole, as there are only as many as keys.

use crate::allocation::{OutOfMemory, scratch};
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
        for (key, score) in scores.iter_mut().enumerate() {
            let masked = !key_mask.is_empty() && key_mask[batch * keys + key] == 0;
            *score = if masked || !attention.attends(0, key) {
                f32::NEG_INFINITY
            } else {
                let bias = if bias.is_empty() { 0.0 } else { bias[head * keys + key] };
                scale * dot(q, &k[key * key_heads * dim..][..dim]) + bias
            };
        }
        if scores.iter().all(|&score| score == f32::NEG_INFINITY) {
            lse[row] = 0.0;
            continue;
        }
        softmax(&scores, keys, &mut weights);
        // The largest weight is 1 / sum of e^(score - largest score).
        let largest = |values: &[f32]| values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        lse[row] = largest(&scores) - largest(&weights).ln();
        for (key, &weight) in weights.iter().enumerate() {
            if weight != 0.0 {
                add_scaled(out, weight, &v[key * key_heads * value_dim..][..value_dim]);
            }
        }
    }
    Ok(())
}

/// a . b
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let whole = a.len() / LANES * LANES;
    let mut sums = F32x4::splat(0.0);
    for at in (0..whole).step_by(LANES) {
        // SAFETY: at + 4 <= a.len() = b.len().
        sums += unsafe { F32x4::load(a, at) * F32x4::load(b, at) };
    }
    sums.sum() + a[whole..].iter().zip(&b[whole..]).map(|(a, b)| a * b).sum::<f32>()
}
