//! Attention: out[t] = sum_s softmax_s(score[t, s]) share[t, s] v[s] for every head, over the keys that query t attends to, with
//! score[t, s] = scale q[t] . k[s] + bias[s - t], or c tanh(score / c) of it; share is dropout's factor, 1 without it.
//!
//! Scores are never stored whole (Rabe & Staats 2021; Dao et al. 2022): keys are taken a block at a time, and each query
//! keeps its largest score m so far, the sum l of e^(score - m) and the weighted sum of values. Where a block has a larger
//! score, both sums are multiplied by e^(old m - new m). The backward pass needs lse = m + ln l.
//! A single query has a function of its own (single_query.rs).

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::attention::packed_blocks::PackedBlocks;
use crate::ops::attention::scores::{Eight, ScoreMask, load_eight, products, store_eight};
use crate::ops::attention::shape::{Attention, Operands, PANEL, Place, QUERIES};
use crate::ops::attention::single_query::single_query;
use crate::ops::attention::weight_dropout::WeightDropout;
use crate::ops::panels::{TILE_COLS, TILE_ROWS, blocks, pack, tile_product};
use crate::ops::softmax::weight;
use crate::simd::f32x4::F32x4;
use core::ops::Range;

/// -> out [batch, queries, heads, value_dim], lse [batch, heads, queries]; both 0 for a query that attends to no key.
pub fn attention(
    operands: &Operands,
    attention: &Attention,
    out: &mut [f32],
    lse: &mut [f32],
) -> Result<(), OutOfMemory> {
    let &Attention { batch, queries, keys, heads, key_heads, dim, value_dim, scale, .. } =
        attention;
    if queries == 1 && attention.dropout.threshold == 0 {
        return single_query(operands, attention, out, lse);
    }
    let mut packed_q = scratch(QUERIES * dim)?;
    let mut scores = scratch(QUERIES * PANEL / TILE_COLS)?;
    let mut softmax = Softmax::new(value_dim)?;
    for (batch, key_head) in (0..batch).flat_map(|b| (0..key_heads).map(move |h| (b, h))) {
        let place = |width| Place { batch, head: key_head, length: keys, heads: key_heads, width };
        let k = PackedBlocks::rows(Attention::rows(operands.k, &place(dim)), keys, dim)?;
        let v = Attention::columns(operands.v, &place(value_dim));
        let v = PackedBlocks::columns(v, keys, value_dim)?;
        for head in attention.group(key_head) {
            let mask = ScoreMask::new(attention, operands, batch, head)?;
            let place = |width| Place { batch, head, length: queries, heads, width };
            let q = Attention::rows(operands.q, &place(dim));
            for block in blocks(0..queries, QUERIES) {
                pack::<TILE_COLS>(q, block.clone(), 0..dim, &mut packed_q);
                let num_panels = block.len().div_ceil(TILE_COLS);
                let q = &mut packed_q[..num_panels * TILE_COLS * dim];
                q.iter_mut().for_each(|q| *q *= scale);
                softmax.begin();
                for keys in attention.key_blocks(block.clone()) {
                    let attended =
                        |panel| attention.attended_keys(block.start + panel * TILE_COLS, &keys);
                    products(k.block(&keys), q, dim, attended, &mut scores);
                    mask.finish(&mut scores, &block, &keys);
                    let dropout =
                        |i| WeightDropout::new(attention, batch, head, block.start + i * TILE_COLS);
                    let scores = &mut scores[..num_panels * PANEL];
                    softmax.take(scores, v.block(&keys), &keys, attended, dropout);
                }
                softmax.write(&block, &place(value_dim), out, lse);
            }
        }
    }
    Ok(())
}

/// The running softmax of a block of queries, a query per lane.
struct Softmax {
    /// [queries]
    largest: Vec<f32>,
    /// [queries]
    sums: Vec<f32>,
    /// [panel of 8 queries][value_dim, up to a multiple of 4][8]
    values: Vec<f32>,
    value_dim: usize,
}

impl Softmax {
    fn new(value_dim: usize) -> Result<Self, OutOfMemory> {
        let values = scratch(QUERIES * value_dim.next_multiple_of(TILE_ROWS))?;
        Ok(Self { largest: scratch(QUERIES)?, sums: scratch(QUERIES)?, values, value_dim })
    }

    fn begin(&mut self) {
        self.largest.fill(f32::NEG_INFINITY);
        self.sums.fill(0.0);
        self.values.fill(0.0);
    }

    /// Adds a block of keys, to the first `attended(panel)` of which a panel attends: scores become weights, which after
    /// dropout weigh the values v, [keys][4] for every four elements.
    fn take(
        &mut self,
        scores: &mut [f32],
        v: &[f32],
        keys: &Range<usize>,
        attended: impl Fn(usize) -> usize,
        dropout: impl Fn(usize) -> Option<WeightDropout>,
    ) {
        let panel_size = TILE_COLS * self.value_dim.next_multiple_of(TILE_ROWS);
        let panels = scores.chunks_exact_mut(PANEL).zip(self.values.chunks_exact_mut(panel_size));
        for (i, (panel, values)) in panels.enumerate() {
            let weights = &mut panel[..attended(i) * TILE_COLS];
            let lanes = i * TILE_COLS;
            let old = load_eight(&self.largest, lanes);
            let largest = weights.chunks_exact(TILE_COLS).fold(old, |largest, row| {
                let row = load_eight(row, 0);
                [largest[0].larger(row[0]), largest[1].larger(row[1])]
            });
            let shift = largest.map(finite_or_zero);
            let mut sums = [F32x4::splat(0.0); 2];
            for row in weights.chunks_exact_mut(TILE_COLS) {
                let scores = load_eight(row, 0);
                let weights = [0, 1].map(|j| weight(scores[j], shift[j]));
                store_eight(weights, row, 0);
                sums = [sums[0] + weights[0], sums[1] + weights[1]];
            }
            let kept = [0, 1].map(|j| (old[j] - shift[j]).exp());
            let before = load_eight(&self.sums, lanes);
            store_eight([0, 1].map(|j| before[j] * kept[j] + sums[j]), &mut self.sums, lanes);
            store_eight(largest, &mut self.largest, lanes);
            if let Some(dropout) = dropout(i) {
                for (key, row) in keys.clone().zip(weights.chunks_exact_mut(TILE_COLS)) {
                    let (weights, share) = (load_eight(row, 0), dropout.factors(key));
                    store_eight([0, 1].map(|j| weights[j] * share[j]), row, 0);
                }
            }
            add_values(weights, v, keys.len(), kept, values);
        }
    }

    /// Writes the block of queries: values / sum, and the logarithm of the sum.
    fn write(&self, queries: &Range<usize>, place: &Place, out: &mut [f32], lse: &mut [f32]) {
        let panel_size = TILE_COLS * self.value_dim.next_multiple_of(TILE_ROWS);
        for (i, query) in queries.clone().enumerate() {
            let sum = self.sums[i];
            let (inverse, logarithm) =
                if sum == 0.0 { (0.0, 0.0) } else { (1.0 / sum, self.largest[i] + sum.ln()) };
            lse[(place.batch * place.heads + place.head) * place.length + query] = logarithm;
            let values = &self.values[i / TILE_COLS * panel_size + i % TILE_COLS..];
            let begin = place.row(query);
            let row = &mut out[begin..begin + self.value_dim];
            for (out, value) in row.iter_mut().zip(values.iter().step_by(TILE_COLS)) {
                *out = value * inverse;
            }
        }
    }
}

/// values[dim][8] = values kept + sum of v[key][dim] weights[key][8] over as many of the keys as have weights
fn add_values(weights: &[f32], v: &[f32], num_keys: usize, kept: Eight, values: &mut [f32]) {
    let quads = v.chunks_exact(TILE_ROWS * num_keys);
    for (quad, values) in quads.zip(values.chunks_exact_mut(TILE_ROWS * TILE_COLS)) {
        let tile = tile_product(quad, weights);
        for (row, values) in tile.iter().zip(values.chunks_exact_mut(TILE_COLS)) {
            let old = load_eight(values, 0);
            store_eight([0, 1].map(|j| old[j] * kept[j] + row[j]), values, 0);
        }
    }
}

/// 0 instead of -infinity, which is the largest of no scores.
fn finite_or_zero(largest: F32x4) -> F32x4 {
    F32x4::splat(f32::NEG_INFINITY).where_ge(largest, F32x4::splat(0.0), largest)
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;
    use crate::ops::attention::shape::export_attention;

    export_attention!(attention, (out: Out, lse: Out), |operands, sizes| {
        let rows = sizes.batch * sizes.queries * sizes.heads;
        let (out, lse) = (write(out, rows * sizes.value_dim), write(lse, rows));
        or_throw(super::attention(&operands, &sizes, out, lse));
    });
}
