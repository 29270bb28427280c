//! Dropout of attention's weights: whether a weight is kept follows from its query, key and head alone.

use crate::ops::attention::scores::Eight;
use crate::ops::attention::shape::Attention;
use crate::ops::dropout::{Dropout, mix, mix_words};
use crate::ops::panels::TILE_COLS;
use crate::simd::f32x4::{F32x4, LANES};
use crate::simd::u32x4::U32x4;

/// Dropout of the weights of a panel of queries.
pub struct WeightDropout {
    dropout: Dropout,
    /// A hash key for every query of the panel.
    row_keys: [U32x4; TILE_COLS / LANES],
}

impl WeightDropout {
    /// Of the panel that begins at query `first`, of one head of one batch; None without dropout.
    pub fn new(attention: &Attention, batch: usize, head: usize, first: usize) -> Option<Self> {
        let &Attention { dropout, first_head, all_heads, queries, .. } = attention;
        if dropout.threshold == 0 {
            return None;
        }
        let head = (batch as u32).wrapping_mul(all_heads).wrapping_add(first_head + head as u32);
        let row = head.wrapping_mul(queries as u32).wrapping_add(first as u32);
        let [low, high] = dropout.seed;
        let row_keys = core::array::from_fn(|j| {
            U32x4::from_lanes(core::array::from_fn(|lane| {
                mix(mix(row.wrapping_add((j * LANES + lane) as u32) ^ low) ^ high)
            }))
        });
        Some(Self { dropout, row_keys })
    }

    /// The factors of the weights of one key: scale where they are kept, else 0.
    #[inline(always)]
    pub fn factors(&self, key: usize) -> Eight {
        let key = U32x4::splat(key as u32);
        let threshold = U32x4::splat(self.dropout.threshold);
        let scale = U32x4::bits_of(F32x4::splat(self.dropout.scale));
        self.row_keys.map(|row_key| mix_words(key.xor(row_key)).ge(threshold).and(scale).as_f32())
    }
}
