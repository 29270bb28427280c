//! The gradients of attention's scores for a block of queries and a block of keys, and their products with queries and keys.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::attention::packed_blocks::PackedBlocks;
use crate::ops::attention::scores::{ScoreMask, cap_slope, load_eight, products, store_eight};
use crate::ops::attention::shape::{Attention, Operands, PANEL, Place, QUERIES};
use crate::ops::attention::weight_dropout::WeightDropout;
use crate::ops::panels::{TILE_COLS, TILE_ROWS, Tile, add_tile, blocks, pack, tile_product};
use crate::ops::softmax::weight;
use crate::simd::f32x4::{F32x4, LANES};
use core::ops::Range;

/// Keys and values of a head, packed as rows.
pub struct PackedKeys {
    k: PackedBlocks,
    v: PackedBlocks,
}

impl PackedKeys {
    /// Packs one head of the keys of one batch.
    pub fn new(
        operands: &Operands,
        attention: &Attention,
        batch: usize,
        head: usize,
    ) -> Result<Self, OutOfMemory> {
        let &Attention { keys, key_heads, dim, value_dim, .. } = attention;
        let place = |width| Place { batch, head, length: keys, heads: key_heads, width };
        let rows =
            |data, width| PackedBlocks::rows(Attention::rows(data, &place(width)), keys, width);
        Ok(Self { k: rows(operands.k, dim)?, v: rows(operands.v, value_dim)? })
    }
}

/// One head of the queries of one batch.
pub struct Head<'a> {
    attention: &'a Attention,
    operands: &'a Operands<'a>,
    dout: &'a [f32],
    mask: ScoreMask<'a>,
    /// [queries]
    lse: &'a [f32],
    /// [queries]
    delta: &'a [f32],
    batch: usize,
    head: usize,
}

impl<'a> Head<'a> {
    /// One head of the queries of one batch, with its lse and delta out of `moments`.
    pub fn new(
        operands: &'a Operands<'a>,
        dout: &'a [f32],
        moments: &'a [f32],
        attention: &'a Attention,
        batch: usize,
        head: usize,
    ) -> Result<Self, OutOfMemory> {
        let &Attention { queries, heads, .. } = attention;
        let mask = ScoreMask::new(attention, operands, batch, head)?;
        let moments = &moments[(batch * heads + head) * 2 * queries..][..2 * queries];
        let (lse, delta) = moments.split_at(queries);
        Ok(Self { attention, operands, dout, mask, lse, delta, batch, head })
    }

    /// Its rows in an operand whose heads are `width` long.
    pub fn place(&self, width: usize) -> Place {
        let &Attention { queries, heads, .. } = self.attention;
        Place { batch: self.batch, head: self.head, length: queries, heads, width }
    }
}

/// A block of queries against a block of keys: p and ds as [panel of 8 queries][key][8].
pub struct Block {
    pub p: Vec<f32>,
    pub ds: Vec<f32>,
    queries: Range<usize>,
    keys: Range<usize>,
    /// To how many of the keys each panel attends; never fewer than the panel before.
    attended: [usize; QUERIES / TILE_COLS],
    q: Vec<f32>,
    dout: Vec<f32>,
    /// Of the block's queries; 0 beyond the last.
    lse: [f32; QUERIES],
    delta: [f32; QUERIES],
}

impl Block {
    /// Scratch memory for blocks of this attention.
    pub fn new(attention: &Attention) -> Result<Self, OutOfMemory> {
        Ok(Self {
            p: scratch(QUERIES * PANEL / TILE_COLS)?,
            ds: scratch(QUERIES * PANEL / TILE_COLS)?,
            queries: 0..0,
            keys: 0..0,
            attended: [0; QUERIES / TILE_COLS],
            q: scratch(QUERIES * attention.dim)?,
            dout: scratch(QUERIES * attention.value_dim)?,
            lse: [0.0; QUERIES],
            delta: [0.0; QUERIES],
        })
    }

    /// Packs a block of queries.
    pub fn begin(&mut self, head: &Head, queries: Range<usize>) {
        let &Attention { dim, value_dim, scale, .. } = head.attention;
        let q = Attention::rows(head.operands.q, &head.place(dim));
        pack::<TILE_COLS>(q, queries.clone(), 0..dim, &mut self.q);
        self.q.iter_mut().for_each(|q| *q *= scale);
        let dout = Attention::rows(head.dout, &head.place(value_dim));
        pack::<TILE_COLS>(dout, queries.clone(), 0..value_dim, &mut self.dout);
        for (to, from) in [(&mut self.lse, head.lse), (&mut self.delta, head.delta)] {
            to.fill(0.0);
            to[..queries.len()].copy_from_slice(&from[queries.clone()]);
        }
        self.queries = queries;
    }

    /// p and ds of the block of queries and a block of keys.
    pub fn compute(&mut self, head: &Head, packed: &PackedKeys, keys: &Range<usize>) {
        let &Attention { dim, value_dim, soft_cap, .. } = head.attention;
        let num_panels = self.queries.len().div_ceil(TILE_COLS);
        self.keys = keys.clone();
        self.attended = core::array::from_fn(|panel| {
            head.attention.attended_keys(self.queries.start + panel * TILE_COLS, keys)
        });
        let attended = |panel: usize| self.attended[panel];
        let q = &self.q[..num_panels * TILE_COLS * dim];
        products(packed.k.block(keys), q, dim, attended, &mut self.p);
        head.mask.finish(&mut self.p, &self.queries, keys);
        let dout = &self.dout[..num_panels * TILE_COLS * value_dim];
        products(packed.v.block(keys), dout, value_dim, attended, &mut self.ds);
        let panels = self.p.chunks_exact_mut(PANEL).zip(self.ds.chunks_exact_mut(PANEL));
        for (i, (p, ds)) in panels.take(num_panels).enumerate() {
            let lse = load_eight(&self.lse, i * TILE_COLS);
            let delta = load_eight(&self.delta, i * TILE_COLS);
            let first = self.queries.start + i * TILE_COLS;
            let dropout = WeightDropout::new(head.attention, head.batch, head.head, first);
            let rows = p.chunks_exact_mut(TILE_COLS).zip(ds.chunks_exact_mut(TILE_COLS));
            let rows = rows.take(self.attended[i].next_multiple_of(TILE_ROWS));
            for (key, (p, ds)) in (keys.start..).zip(rows) {
                let (scores, mut dp) = (load_eight(p, 0), load_eight(ds, 0));
                let weights = [0, 1].map(|j| weight(scores[j], lse[j]));
                let mut left = weights;
                if let Some(dropout) = &dropout {
                    let share = dropout.factors(key);
                    left = [0, 1].map(|j| weights[j] * share[j]);
                    dp = [0, 1].map(|j| dp[j] * share[j]);
                }
                store_eight(left, p, 0);
                let mut gradients = [0, 1].map(|j| weights[j] * (dp[j] - delta[j]));
                if soft_cap != 0.0 {
                    gradients = [0, 1].map(|j| gradients[j] * cap_slope(scores[j], soft_cap));
                }
                store_eight(gradients, ds, 0);
            }
        }
    }

    /// A panel of `scores` (p or ds), for the keys to which it attends.
    pub fn panel<'a>(&self, scores: &'a [f32], panel: usize) -> &'a [f32] {
        &scores[panel * PANEL..][..self.attended[panel] * TILE_COLS]
    }

    /// dq[panel][dim][8] += sum over keys of k[key][dim] ds[panel][key][8]
    pub fn add_to_queries(&self, k: &[f32], dq: &mut [f32], dim: usize) {
        let panels = dq.chunks_exact_mut(TILE_COLS * dim.next_multiple_of(TILE_ROWS));
        for (i, dq) in panels.take(self.queries.len().div_ceil(TILE_COLS)).enumerate() {
            let ds = self.panel(&self.ds, i);
            let quads = k.chunks_exact(TILE_ROWS * self.keys.len());
            for (quad, dq) in quads.zip(dq.chunks_exact_mut(TILE_ROWS * TILE_COLS)) {
                let tile = tile_product(quad, ds);
                for (row, dq) in tile.iter().zip(dq.chunks_exact_mut(TILE_COLS)) {
                    let old = load_eight(dq, 0);
                    store_eight([0, 1].map(|j| old[j] + row[j]), dq, 0);
                }
            }
        }
    }

    /// target[key] += sum over queries of weights[panel][key][8 queries] columns[8 elements][query][8]
    pub fn add_to_keys(&self, weights: &[f32], columns: &[f32], place: &Place, target: &mut [f32]) {
        let row_length = place.heads * place.width;
        let first_row = place.batch * place.length;
        let first_column = place.head * place.width;
        let elements = blocks(0..place.width, TILE_COLS);
        let columns = columns.chunks_exact(TILE_COLS * self.queries.len());
        for (elements, column) in elements.zip(columns) {
            for (quad, keys) in blocks(self.keys.clone(), TILE_ROWS).enumerate() {
                let skipped = self
                    .attended
                    .iter()
                    .take_while(|&&attended| attended <= quad * TILE_ROWS)
                    .count();
                // Queries that attend to none of these keys come first.
                let rows = column.get(skipped * TILE_COLS * TILE_COLS..).unwrap_or(&[]);
                let tile = quad_product(&weights[skipped * PANEL..], quad, rows);
                let rows = first_row + keys.start..first_row + keys.end;
                let cols = first_column + elements.start..first_column + elements.end;
                add_tile(&tile, target, row_length, rows, cols);
            }
        }
    }
}

/// A tile of 4 keys by 8 elements, summed over the queries.
#[inline(always)]
fn quad_product(weights: &[f32], quad: usize, column: &[f32]) -> Tile {
    const SIZE: usize = TILE_ROWS * TILE_COLS;
    let mut tile: Tile = [[F32x4::splat(0.0); TILE_COLS / LANES]; TILE_ROWS];
    let panels = weights.chunks_exact(PANEL);
    for (panel, rows) in panels.zip(column.chunks(TILE_COLS * TILE_COLS)) {
        let weights = &panel[quad * SIZE..][..SIZE];
        for (lane, row) in (0..TILE_COLS).zip(rows.chunks_exact(TILE_COLS)) {
            let row = load_eight(row, 0);
            for (key, sums) in tile.iter_mut().enumerate() {
                let weight = F32x4::splat(weights[key * TILE_COLS + lane]);
                sums[0] += weight * row[0];
                sums[1] += weight * row[1];
            }
        }
    }
    tile
}
