//! What attention's forward and backward passes share: the operands packed for the register tiles of matmul.rs, and the
//! scores of a block of queries and keys.
//!
//! A block of scores lies as [panel of 8 queries][key][8 queries]: a register tile is 4 keys by 8 queries. So the softmax
//! runs down the keys with a query per SIMD lane, and every product after it finds what it needs side by side.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::dropout::{Dropping, mix, mix_words};
use crate::ops::matmul::{Lanes, TILE_COLS, TILE_ROWS, Tile, blocks, pack, tile_product};
use crate::simd::bits::Words;
use crate::simd::lanes::{F32x4, LANES};
use core::ops::Range;

/// Queries per block, a multiple of `TILE_COLS`.
pub const QUERIES: usize = 64;
/// Keys per block, a multiple of `TILE_ROWS`.
pub const KEYS: usize = 64;
/// Elements of one panel of a block of scores.
pub const PANEL: usize = KEYS * TILE_COLS;

/// Sizes, and which keys a query sees.
pub struct Attention {
    pub batch: usize,
    pub queries: usize,
    pub keys: usize,
    pub heads: usize,
    pub key_heads: usize,
    pub dim: usize,
    pub value_dim: usize,
    /// Only keys s <= t.
    pub causal: bool,
    /// Only keys s > t - window; 0 for all.
    pub window: usize,
    pub scale: f32,
    /// Which weights are 0 by chance; none with a threshold of 0.
    pub dropping: Dropping,
    /// The first head of the first batch among all that there are anywhere, counted batch by batch.
    pub first_head: u32,
    /// Heads of one batch, wherever they are.
    pub all_heads: u32,
}

/// What attention reads.
pub struct Operands<'a> {
    /// [batch, queries, heads, dim]
    pub q: &'a [f32],
    /// [batch, keys, key_heads, dim]
    pub k: &'a [f32],
    /// [batch, keys, key_heads, value_dim]
    pub v: &'a [f32],
    /// [batch, keys], 0 where a key is hidden; or empty.
    pub key_mask: &'a [u32],
    /// [heads, queries + keys - 1], of query t and key s at s - t + queries - 1; or empty.
    pub bias: &'a [f32],
}

impl Attention {
    /// The heads of the queries that use a head of the keys.
    pub fn group(&self, key_head: usize) -> Range<usize> {
        let size = self.heads / self.key_heads;
        key_head * size..(key_head + 1) * size
    }

    /// Rows of `width` elements of one head out of `data` [batch, length, heads, width], as lanes along a row.
    pub fn rows<'a>(data: &'a [f32], place: &Place) -> Lanes<'a> {
        Lanes { data: place.slice(data), lane: place.heads * place.width, step: 1 }
    }

    /// The same with the elements of a row as lanes, along the rows.
    pub fn columns<'a>(data: &'a [f32], place: &Place) -> Lanes<'a> {
        Lanes { data: place.slice(data), lane: 1, step: place.heads * place.width }
    }

    /// The blocks of keys of which the queries of a block see some; whole ones, as they are packed.
    pub fn key_blocks(&self, queries: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let end = match self.causal {
            true => self.keys.min(queries.end.next_multiple_of(KEYS)),
            false => self.keys,
        };
        let begin = match self.window {
            0 => 0,
            window => (queries.start + 1).saturating_sub(window).min(end) / KEYS * KEYS,
        };
        blocks(begin..end, KEYS)
    }

    /// Of a panel of queries that begins at `first`: how many keys of a block, from its first on, any of them may see.
    /// Scores beyond are neither computed nor read.
    pub fn keys_seen(&self, first: usize, keys: &Range<usize>) -> usize {
        if !self.causal {
            return keys.len();
        }
        (first + TILE_COLS).saturating_sub(keys.start).min(keys.len())
    }

    fn sees(&self, query: usize, key: usize) -> bool {
        let near = self.window == 0 || query < self.window || key > query - self.window;
        near && (!self.causal || key <= query)
    }

    /// True if every query of the block sees every key of the block.
    fn sees_all(&self, queries: &Range<usize>, keys: &Range<usize>) -> bool {
        // The first query sees the fewest keys ahead, the last one the fewest behind.
        self.sees(queries.start, keys.end - 1) && self.sees(queries.end - 1, keys.start)
    }
}

/// One head of one batch in an operand [batch, length, heads, width].
pub struct Place {
    pub batch: usize,
    pub head: usize,
    pub length: usize,
    pub heads: usize,
    pub width: usize,
}

impl Place {
    /// From the head's first element on; its rows are heads * width apart.
    pub fn slice<'a>(&self, data: &'a [f32]) -> &'a [f32] {
        // Empty operands have no such place.
        data.get(self.row(0)..).unwrap_or(&[])
    }

    /// Where the head's part of a row begins.
    pub fn row(&self, index: usize) -> usize {
        ((self.batch * self.length + index) * self.heads + self.head) * self.width
    }
}

/// One block after the other of the rows of a head, packed into panels of W lanes of `steps`.
pub struct PackedBlocks {
    data: Vec<f32>,
    block_size: usize,
}

impl PackedBlocks {
    /// Every block of `KEYS` rows `width` long: panels of 4 rows along their elements.
    pub fn rows(source: Lanes, length: usize, width: usize) -> Result<Self, OutOfMemory> {
        let mut packed = Self::empty(length, KEYS * width)?;
        for keys in blocks(0..length, KEYS) {
            pack::<TILE_ROWS>(source, keys.clone(), 0..width, packed.block_mut(&keys));
        }
        Ok(packed)
    }

    /// Every block of `KEYS` rows `width` long: panels of 4 elements along the rows.
    pub fn columns(source: Lanes, length: usize, width: usize) -> Result<Self, OutOfMemory> {
        let mut packed = Self::empty(length, KEYS * width.next_multiple_of(TILE_ROWS))?;
        for keys in blocks(0..length, KEYS) {
            pack::<TILE_ROWS>(source, 0..width, keys.clone(), packed.block_mut(&keys));
        }
        Ok(packed)
    }

    fn empty(length: usize, block_size: usize) -> Result<Self, OutOfMemory> {
        Ok(Self { data: scratch(length.div_ceil(KEYS) * block_size)?, block_size })
    }

    /// The block that begins at row `rows.start`.
    pub fn block(&self, rows: &Range<usize>) -> &[f32] {
        let begin = rows.start / KEYS * self.block_size;
        &self.data[begin..begin + self.block_size]
    }

    fn block_mut(&mut self, rows: &Range<usize>) -> &mut [f32] {
        let begin = rows.start / KEYS * self.block_size;
        &mut self.data[begin..begin + self.block_size]
    }
}

/// Adds biases to scores and hides them, for one head of one batch.
pub struct Visibility<'a> {
    attention: &'a Attention,
    /// [keys], 0 where a key is hidden; or empty.
    key_mask: &'a [u32],
    /// The head's biases by t - s + keys - 1, so that neighbouring queries are neighbours; or empty.
    reversed_bias: Vec<f32>,
}

impl<'a> Visibility<'a> {
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
            // A panel may reach beyond the last query.
            reversed_bias = scratch(distances + TILE_COLS)?;
            let of_head = bias[head * distances..][..distances].iter().rev();
            reversed_bias.iter_mut().zip(of_head).for_each(|(to, from)| *to = *from);
        }
        Ok(Self { attention, key_mask, reversed_bias })
    }

    /// Turns products q k into scores: -infinity where the key is hidden, and up to a multiple of 4 where there is none.
    pub fn finish(&self, scores: &mut [f32], queries: &Range<usize>, keys: &Range<usize>) {
        let sees_all = self.attention.sees_all(queries, keys);
        let plain = sees_all && self.key_mask.is_empty() && self.reversed_bias.is_empty();
        if plain && keys.len().is_multiple_of(TILE_ROWS) {
            return;
        }
        let panels = scores.chunks_exact_mut(PANEL);
        for (first, panel) in queries.clone().step_by(TILE_COLS).zip(panels) {
            let seen = self.attention.keys_seen(first, keys);
            let (rows, missing) = panel.split_at_mut(seen * TILE_COLS);
            missing[..(seen.next_multiple_of(TILE_ROWS) - seen) * TILE_COLS]
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
                if !sees_all {
                    for (query, score) in (first..).zip(row) {
                        if !self.attention.sees(query, key) {
                            *score = f32::NEG_INFINITY;
                        }
                    }
                }
            }
        }
    }
}

/// What dropout leaves of the weights of a panel of queries: a weight's fate follows from its query, key and head alone.
pub struct Shares {
    dropping: Dropping,
    /// A key for every query of the panel.
    row_keys: [Words; TILE_COLS / LANES],
}

impl Shares {
    /// Of the panel that begins at query `first`, of one head of one batch; None where all is left.
    pub fn new(attention: &Attention, batch: usize, head: usize, first: usize) -> Option<Self> {
        let &Attention { dropping, first_head, all_heads, queries, .. } = attention;
        if dropping.threshold == 0 {
            return None;
        }
        let head = (batch as u32).wrapping_mul(all_heads).wrapping_add(first_head + head as u32);
        let row = head.wrapping_mul(queries as u32).wrapping_add(first as u32);
        let [low, high] = dropping.seed;
        let row_keys = core::array::from_fn(|j| {
            Words::lanes(core::array::from_fn(|lane| {
                mix(mix(row.wrapping_add((j * LANES + lane) as u32) ^ low) ^ high)
            }))
        });
        Some(Self { dropping, row_keys })
    }

    /// Of the weights of one key.
    #[inline(always)]
    pub fn of(&self, key: usize) -> Eight {
        let key = Words::splat(key as u32);
        let threshold = Words::splat(self.dropping.threshold);
        let scale = Words::of(F32x4::splat(self.dropping.scale));
        self.row_keys
            .map(|row_key| mix_words(key.xor(row_key)).at_least(threshold).and(scale).as_f32())
    }
}

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

/// e^(score - shift), 0 where the score is -infinity: there the key is hidden.
#[inline(always)]
pub fn weight(score: F32x4, shift: F32x4) -> F32x4 {
    // Held by `exp` to what is not quite 0 otherwise; a NaN is no -infinity and stays.
    let hidden = F32x4::splat(f32::NEG_INFINITY);
    hidden.where_ge(score, F32x4::splat(0.0), (score - shift).exp())
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
