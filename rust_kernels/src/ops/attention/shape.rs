//! The sizes of attention, which keys a query attends to, and the location of a head's rows in the operands.

use crate::ops::dropout::Dropout;
use crate::ops::panels::{Lanes, TILE_COLS, blocks};
use core::ops::Range;

/// Queries per block, a multiple of `TILE_COLS`.
pub const QUERIES: usize = 64;
/// Keys per block, a multiple of `TILE_ROWS`.
pub const KEYS: usize = 64;
/// Elements of one panel of a block of scores.
pub const PANEL: usize = KEYS * TILE_COLS;

/// Sizes, the causal mask and the window.
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
    /// Only keys with |s - t| < window; 0 for all.
    pub window: usize,
    pub scale: f32,
    /// c of the scores c tanh(score / c); 0 for scores as they are.
    pub soft_cap: f32,
    /// Dropout of weights; none with a threshold of 0.
    pub dropout: Dropout,
    /// The index of the first head here among the heads of all ranks, counted batch by batch.
    pub first_head: u32,
    /// Heads of one batch, over all ranks.
    pub all_heads: u32,
}

/// The operands that every pass reads.
pub struct Operands<'a> {
    /// [batch, queries, heads, dim]
    pub q: &'a [f32],
    /// [batch, keys, key_heads, dim]
    pub k: &'a [f32],
    /// [batch, keys, key_heads, value_dim]
    pub v: &'a [f32],
    /// [batch, keys], 0 where a key is masked; or empty.
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

    /// The blocks of keys to which a block of queries attends; whole blocks, as they are packed.
    pub fn key_blocks(&self, queries: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let end = match (self.causal, self.window) {
            (true, _) => queries.end,
            (false, 0) => self.keys,
            (false, window) => (queries.end - 1).saturating_add(window),
        };
        let end = self.keys.min(end.next_multiple_of(KEYS));
        let begin = match self.window {
            0 => 0,
            window => (queries.start + 1).saturating_sub(window).min(end) / KEYS * KEYS,
        };
        blocks(begin..end, KEYS)
    }

    /// How many keys of a block, from its first on, a panel of queries that begins at `first` may attend to. Scores beyond
    /// are neither computed nor read.
    pub fn attended_keys(&self, first: usize, keys: &Range<usize>) -> usize {
        if !self.causal {
            return keys.len();
        }
        (first + TILE_COLS).saturating_sub(keys.start).min(keys.len())
    }

    /// Whether the query attends to the key.
    pub fn attends(&self, query: usize, key: usize) -> bool {
        let near = self.window == 0 || query.abs_diff(key) < self.window;
        near && (!self.causal || key <= query)
    }

    /// Whether every query of the block attends to every key of the block.
    pub fn all_attend(&self, queries: &Range<usize>, keys: &Range<usize>) -> bool {
        // The first query attends to the fewest keys ahead, the last one to the fewest behind.
        self.attends(queries.start, keys.end - 1) && self.attends(queries.end - 1, keys.start)
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
        // An empty operand has no such element.
        data.get(self.row(0)..).unwrap_or(&[])
    }

    /// The first of the head's elements of a row.
    pub fn row(&self, index: usize) -> usize {
        ((self.batch * self.length + index) * self.heads + self.head) * self.width
    }
}

/// Declares the export `$name` with what every pass of attention takes: the operands that all read, its own, and the sizes.
macro_rules! export_attention {
    ($name:ident, ($($own:ident: $kind:ty),*), |$operands:ident, $attention:ident| $body:expr) => {
        #[wasm_bindgen]
        pub fn $name(
            q: In,
            k: In,
            v: In,
            key_mask: InU32,
            bias: In,
            $($own: $kind,)*
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
            soft_cap: f32,
            seed_low: u32,
            seed_high: u32,
            threshold: u32,
            kept_scale: f32,
            first_head: u32,
            all_heads: u32,
        ) {
            use $crate::ops::attention::shape::{Attention, Operands};
            use $crate::ops::dropout::Dropout;
            let distances = if biased == 0 { 0 } else { heads * (queries + keys).saturating_sub(1) };
            let $operands = Operands {
                q: read(q, batch * queries * heads * dim),
                k: read(k, batch * keys * key_heads * dim),
                v: read(v, batch * keys * key_heads * value_dim),
                key_mask: read_u32(key_mask, if masked == 0 { 0 } else { batch * keys }),
                bias: read(bias, distances),
            };
            let $attention = Attention {
                batch,
                queries,
                keys,
                heads,
                key_heads,
                dim,
                value_dim,
                causal: causal != 0,
                window,
                scale,
                soft_cap,
                dropout: Dropout { seed: [seed_low, seed_high], threshold, scale: kept_scale },
                first_head,
                all_heads,
            };
            $body
        }
    };
}
pub(super) use export_attention;
