//! The scores of a block of queries and keys: products of packed rows, with biases added, capped, and masked keys at -infinity.
//!
//! A block of scores is stored as [panel of 8 queries][key][8 queries]: a register tile is 4 keys by 8 queries. So the
//! softmax runs down the keys with a query per SIMD lane, and every product after it reads memory in order.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::attention::shape::{Attention, Operands, PANEL};
use crate::ops::panels::{TILE_COLS, TILE_ROWS, Tile, tile_product};
use crate::ops::pointwise_functions::tanh_accurate;
use crate::simd::f32x4::{F32x4, LANES};
use core::ops::Range;

/// block[panel][row][8] = rows . lanes, of rows packed by 4 and lanes packed by 8, both `depth` deep; of a panel the first
/// `num_rows(panel)` rows, up to a multiple of 4.
pub fn products(
    rows: &[f32],
    lanes: &[f32],
    depth: usize,
    num_rows: impl Fn(usize) -> usize,
    block: &mut [f32],
) {
    let panels = lanes.chunks_exact(TILE_COLS * depth).zip(block.chunks_exact_mut(PANEL));
    for (i, (lanes, panel)) in panels.enumerate() {
        let quads = rows.chunks_exact(TILE_ROWS * depth).take(num_rows(i).div_ceil(TILE_ROWS));
        for (quad, out) in quads.zip(panel.chunks_exact_mut(TILE_ROWS * TILE_COLS)) {
            store_tile(&tile_product(quad, lanes), out);
        }
    }
}

fn store_tile(tile: &Tile, out: &mut [f32]) {
    for (row, out) in tile.iter().zip(out.chunks_exact_mut(TILE_COLS)) {
        for (j, value) in row.iter().enumerate() {
            // SAFETY: out has TILE_COLS elements.
            unsafe { value.store(out, j * LANES) };
        }
    }
}

/// Adds biases to scores, caps and masks them, for one head of one batch.
pub struct ScoreMask<'a> {
    attention: &'a Attention,
    /// [keys], 0 where a key is masked; or empty.
    key_mask: &'a [u32],
    /// The head's biases by t - s + keys - 1, so that neighbouring queries are neighbours; or empty.
    reversed_bias: Vec<f32>,
}

impl<'a> ScoreMask<'a> {
    /// Of one head of one batch.
    pub fn new(
        attention: &'a Attention,
        operands: &Operands<'a>,
        batch: usize,
        head: usize,
    ) -> Result<Self, OutOfMemory> {
        let Operands { key_mask, bias, .. } = *operands;
        let keys = attention.keys;
        let key_mask =
            if key_mask.is_empty() { key_mask } else { &key_mask[batch * keys..][..keys] };
        let mut reversed_bias = Vec::new();
        if !bias.is_empty() {
            let distances = attention.queries + keys - 1;
            // The last panel may extend beyond the last query.
            reversed_bias = scratch(distances + TILE_COLS)?;
            let of_head = bias[head * distances..][..distances].iter().rev();
            reversed_bias.iter_mut().zip(of_head).for_each(|(to, from)| *to = *from);
        }
        Ok(Self { attention, key_mask, reversed_bias })
    }

    /// Turns products q k into scores: -infinity where the key is masked, and in the padding to a multiple of 4 keys.
    pub fn finish(&self, scores: &mut [f32], queries: &Range<usize>, keys: &Range<usize>) {
        let all_attend = self.attention.all_attend(queries, keys);
        let cap = self.attention.soft_cap;
        let unmasked = all_attend && self.key_mask.is_empty();
        let plain = unmasked && self.reversed_bias.is_empty() && cap == 0.0;
        if plain && keys.len().is_multiple_of(TILE_ROWS) {
            return;
        }
        let panels = scores.chunks_exact_mut(PANEL);
        for (first, panel) in queries.clone().step_by(TILE_COLS).zip(panels) {
            let attended = self.attention.attended_keys(first, keys);
            let (rows, missing) = panel.split_at_mut(attended * TILE_COLS);
            missing[..(attended.next_multiple_of(TILE_ROWS) - attended) * TILE_COLS]
                .fill(f32::NEG_INFINITY);
            for (key, row) in keys.clone().zip(rows.chunks_exact_mut(TILE_COLS)) {
                if self.key_mask.get(key) == Some(&0) {
                    row.fill(f32::NEG_INFINITY);
                    continue;
                }
                if !self.reversed_bias.is_empty() {
                    let biases = &self.reversed_bias[first + self.attention.keys - 1 - key..];
                    row.iter_mut().zip(biases).for_each(|(score, bias)| *score += bias);
                }
                if cap != 0.0 {
                    store_eight(load_eight(row, 0).map(|score| capped(score, cap)), row, 0);
                }
                if !all_attend {
                    for (query, score) in (first..).zip(row) {
                        if !self.attention.attends(query, key) {
                            *score = f32::NEG_INFINITY;
                        }
                    }
                }
            }
        }
    }
}

/// cap tanh(score / cap)
#[inline(always)]
pub fn capped(score: F32x4, cap: f32) -> F32x4 {
    F32x4::splat(cap) * tanh_accurate(score / F32x4::splat(cap))
}

/// The derivative of `capped` by the score before, of the one after: 1 - (score / cap)^2; 0 for masked keys.
#[inline(always)]
pub fn cap_slope(score: F32x4, cap: f32) -> F32x4 {
    let part = (score / F32x4::splat(cap)).clamp(-1.0, 1.0);
    F32x4::splat(1.0) - part * part
}

/// Eight lanes as two vectors.
pub type Eight = [F32x4; TILE_COLS / LANES];

/// `slice[at..at + 8]`
#[inline(always)]
pub fn load_eight(slice: &[f32], at: usize) -> Eight {
    let slice = &slice[at..at + TILE_COLS];
    // SAFETY: slice has TILE_COLS elements.
    core::array::from_fn(|j| unsafe { F32x4::load(slice, j * LANES) })
}

/// `slice[at..at + 8] = values`
#[inline(always)]
pub fn store_eight(values: Eight, slice: &mut [f32], at: usize) {
    let slice = &mut slice[at..at + TILE_COLS];
    // SAFETY: slice has TILE_COLS elements.
    values.into_iter().enumerate().for_each(|(j, value)| unsafe { value.store(slice, j * LANES) });
}
