//! The gradients of attention, with scores computed again block by block from lse, the logarithm of each query's sum.
//!
//! With w = e^(score - lse), what dropout leaves of it, p = w share (all without it), dp[t, s] = dout[t] . v[s] and
//! delta[t] = dout[t] . out[t] = sum_s p dp:
//!   ds = w (share dp - delta)      dq[t] = scale sum_s ds k[s]      dk[s] = scale sum_t ds q[t]      dv[s] = sum_t p dout[t]
//!   dbias[j] = sum of ds over t and s with s - t + queries - 1 = j
//! dk and dv of a head of the keys are summed over the heads of queries that use it, in their order.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::attention_scores::{
    Attention, Operands, PANEL, PackedBlocks, Place, QUERIES, Shares, Visibility, load_eight,
    products, store_eight, weight,
};
use crate::ops::matmul::{TILE_COLS, TILE_ROWS, Tile, add_tile, blocks, pack, tile_product};
use crate::simd::lanes::{F32x4, LANES};
use core::ops::Range;

/// Gradients by operand, shaped like it.
pub struct Gradients<'a> {
    pub dq: &'a mut [f32],
    pub dk: &'a mut [f32],
    pub dv: &'a mut [f32],
}

/// -> moments [batch, heads, 2, queries]: lse, and delta = dout . out
pub fn attention_delta(
    dout: &[f32],
    out: &[f32],
    lse: &[f32],
    heads: usize,
    queries: usize,
    value_dim: usize,
    moments: &mut [f32],
) {
    if queries == 0 {
        return;
    }
    for (head, (lse, moments)) in
        lse.chunks_exact(queries).zip(moments.chunks_exact_mut(2 * queries)).enumerate()
    {
        let place = Place {
            batch: head / heads,
            head: head % heads,
            length: queries,
            heads,
            width: value_dim,
        };
        let (first, second) = moments.split_at_mut(queries);
        first.copy_from_slice(lse);
        for (query, delta) in second.iter_mut().enumerate() {
            let row = place.row(query)..place.row(query) + value_dim;
            *delta = dout[row.clone()].iter().zip(&out[row]).map(|(d, o)| d * o).sum();
        }
    }
}

/// -> dq, dk, dv
pub fn attention_backward(
    operands: &Operands,
    dout: &[f32],
    moments: &[f32],
    attention: &Attention,
    gradients: &mut Gradients,
) -> Result<(), OutOfMemory> {
    let &Attention { batch, keys, key_heads, dim, value_dim, .. } = attention;
    gradients.dk.fill(0.0);
    gradients.dv.fill(0.0);
    let mut block = Block::new(attention)?;
    // The queries' gradient, as [panel of 8 queries][dim, up to a multiple of 4][8].
    let mut dq = scratch(QUERIES * dim.next_multiple_of(TILE_ROWS))?;
    // Queries and dout again, as [8 elements][query][8]
    let mut q_columns = scratch(QUERIES * dim.next_multiple_of(TILE_COLS))?;
    let mut dout_columns = scratch(QUERIES * value_dim.next_multiple_of(TILE_COLS))?;
    for (batch, key_head) in (0..batch).flat_map(|b| (0..key_heads).map(move |h| (b, h))) {
        let packed = PackedKeys::new(operands, attention, batch, key_head)?;
        let place = |width| Place { batch, head: key_head, length: keys, heads: key_heads, width };
        let k = Attention::columns(operands.k, &place(dim));
        let k_columns = PackedBlocks::columns(k, keys, dim)?;
        for head in attention.group(key_head) {
            let head = Head::new(operands, dout, moments, attention, batch, head)?;
            for queries in blocks(0..attention.queries, QUERIES) {
                block.begin(&head, queries.clone());
                let q = Attention::columns(operands.q, &head.place(dim));
                pack::<TILE_COLS>(q, 0..dim, queries.clone(), &mut q_columns);
                let dout = Attention::columns(dout, &head.place(value_dim));
                pack::<TILE_COLS>(dout, 0..value_dim, queries.clone(), &mut dout_columns);
                dq.fill(0.0);
                for keys in attention.key_blocks(queries.clone()) {
                    block.compute(&head, &packed, &keys);
                    block.add_to_queries(k_columns.block(&keys), &mut dq, dim);
                    block.add_to_keys(&block.ds, &q_columns, &place(dim), gradients.dk);
                    block.add_to_keys(&block.p, &dout_columns, &place(value_dim), gradients.dv);
                }
                write_queries(&dq, &queries, &head.place(dim), attention.scale, gradients.dq);
            }
        }
    }
    gradients.dk.iter_mut().for_each(|dk| *dk *= attention.scale);
    Ok(())
}

/// -> dbias [heads, queries + keys - 1]
pub fn attention_bias_backward(
    operands: &Operands,
    dout: &[f32],
    moments: &[f32],
    attention: &Attention,
    dbias: &mut [f32],
) -> Result<(), OutOfMemory> {
    let &Attention { batch, queries, keys, key_heads, .. } = attention;
    dbias.fill(0.0);
    if queries == 0 || keys == 0 {
        return Ok(());
    }
    let distances = queries + keys - 1;
    // By t - s + keys - 1, as neighbouring queries lie side by side; a panel may reach beyond the last query.
    let mut reversed = scratch::<f32>(distances + TILE_COLS)?;
    let mut block = Block::new(attention)?;
    for (batch, key_head) in (0..batch).flat_map(|b| (0..key_heads).map(move |h| (b, h))) {
        let packed = PackedKeys::new(operands, attention, batch, key_head)?;
        for head in attention.group(key_head) {
            let sums = &mut dbias[head * distances..(head + 1) * distances];
            let head = Head::new(operands, dout, moments, attention, batch, head)?;
            reversed.fill(0.0);
            for queries in blocks(0..queries, QUERIES) {
                block.begin(&head, queries.clone());
                for key_block in attention.key_blocks(queries.clone()) {
                    block.compute(&head, &packed, &key_block);
                    for (i, first) in queries.clone().step_by(TILE_COLS).enumerate() {
                        let rows = block.panel(&block.ds, i).chunks_exact(TILE_COLS);
                        for (key, row) in key_block.clone().zip(rows) {
                            let at = first + keys - 1 - key;
                            let (sum, row) = (load_eight(&reversed, at), load_eight(row, 0));
                            store_eight([0, 1].map(|j| sum[j] + row[j]), &mut reversed, at);
                        }
                    }
                }
            }
            sums.iter_mut().zip(reversed[..distances].iter().rev()).for_each(|(sum, d)| *sum += d);
        }
    }
    Ok(())
}

/// Keys and values of a head, packed as rows.
struct PackedKeys {
    k: PackedBlocks,
    v: PackedBlocks,
}

impl PackedKeys {
    fn new(
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
struct Head<'a> {
    attention: &'a Attention,
    operands: &'a Operands<'a>,
    dout: &'a [f32],
    visibility: Visibility<'a>,
    /// [queries]
    lse: &'a [f32],
    /// [queries]
    delta: &'a [f32],
    batch: usize,
    head: usize,
}

impl<'a> Head<'a> {
    fn new(
        operands: &'a Operands<'a>,
        dout: &'a [f32],
        moments: &'a [f32],
        attention: &'a Attention,
        batch: usize,
        head: usize,
    ) -> Result<Self, OutOfMemory> {
        let &Attention { queries, heads, .. } = attention;
        let visibility = Visibility::new(attention, operands, batch, head)?;
        let moments = &moments[(batch * heads + head) * 2 * queries..][..2 * queries];
        let (lse, delta) = moments.split_at(queries);
        Ok(Self { attention, operands, dout, visibility, lse, delta, batch, head })
    }

    fn place(&self, width: usize) -> Place {
        let &Attention { queries, heads, .. } = self.attention;
        Place { batch: self.batch, head: self.head, length: queries, heads, width }
    }
}

/// A block of queries against a block of keys: p and ds as [panel of 8 queries][key][8].
struct Block {
    p: Vec<f32>,
    ds: Vec<f32>,
    queries: Range<usize>,
    keys: Range<usize>,
    /// Of each panel, how many of the keys it sees; no panel sees fewer than the one before.
    seen: [usize; QUERIES / TILE_COLS],
    q: Vec<f32>,
    dout: Vec<f32>,
    /// Of the block's queries; 0 beyond the last.
    lse: [f32; QUERIES],
    delta: [f32; QUERIES],
}

impl Block {
    fn new(attention: &Attention) -> Result<Self, OutOfMemory> {
        Ok(Self {
            p: scratch(QUERIES * PANEL / TILE_COLS)?,
            ds: scratch(QUERIES * PANEL / TILE_COLS)?,
            queries: 0..0,
            keys: 0..0,
            seen: [0; QUERIES / TILE_COLS],
            q: scratch(QUERIES * attention.dim)?,
            dout: scratch(QUERIES * attention.value_dim)?,
            lse: [0.0; QUERIES],
            delta: [0.0; QUERIES],
        })
    }

    /// Packs a block of queries.
    fn begin(&mut self, head: &Head, queries: Range<usize>) {
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
    fn compute(&mut self, head: &Head, packed: &PackedKeys, keys: &Range<usize>) {
        let &Attention { dim, value_dim, .. } = head.attention;
        let num_panels = self.queries.len().div_ceil(TILE_COLS);
        self.keys = keys.clone();
        self.seen = core::array::from_fn(|panel| {
            head.attention.keys_seen(self.queries.start + panel * TILE_COLS, keys)
        });
        let seen = |panel: usize| self.seen[panel];
        let q = &self.q[..num_panels * TILE_COLS * dim];
        products(packed.k.block(keys), q, dim, seen, &mut self.p);
        head.visibility.finish(&mut self.p, &self.queries, keys);
        let dout = &self.dout[..num_panels * TILE_COLS * value_dim];
        products(packed.v.block(keys), dout, value_dim, seen, &mut self.ds);
        let panels = self.p.chunks_exact_mut(PANEL).zip(self.ds.chunks_exact_mut(PANEL));
        for (i, (p, ds)) in panels.take(num_panels).enumerate() {
            let lse = load_eight(&self.lse, i * TILE_COLS);
            let delta = load_eight(&self.delta, i * TILE_COLS);
            let first = self.queries.start + i * TILE_COLS;
            let shares = Shares::new(head.attention, head.batch, head.head, first);
            let rows = p.chunks_exact_mut(TILE_COLS).zip(ds.chunks_exact_mut(TILE_COLS));
            let rows = rows.take(self.seen[i].next_multiple_of(TILE_ROWS));
            for (key, (p, ds)) in (keys.start..).zip(rows) {
                let (scores, mut dp) = (load_eight(p, 0), load_eight(ds, 0));
                let weights = [0, 1].map(|j| weight(scores[j], lse[j]));
                let mut left = weights;
                if let Some(shares) = &shares {
                    let share = shares.of(key);
                    left = [0, 1].map(|j| weights[j] * share[j]);
                    dp = [0, 1].map(|j| dp[j] * share[j]);
                }
                store_eight(left, p, 0);
                store_eight([0, 1].map(|j| weights[j] * (dp[j] - delta[j])), ds, 0);
            }
        }
    }
    /// What a panel of `scores` (p or ds) holds for the keys that it sees.
    fn panel<'a>(&self, scores: &'a [f32], panel: usize) -> &'a [f32] {
        &scores[panel * PANEL..][..self.seen[panel] * TILE_COLS]
    }

    /// dq[panel][dim][8] += sum over keys of k[key][dim] ds[panel][key][8]
    fn add_to_queries(&self, k: &[f32], dq: &mut [f32], dim: usize) {
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
    fn add_to_keys(&self, weights: &[f32], columns: &[f32], place: &Place, target: &mut [f32]) {
        let row_length = place.heads * place.width;
        let first_row = place.batch * place.length;
        let first_column = place.head * place.width;
        let elements = blocks(0..place.width, TILE_COLS);
        let columns = columns.chunks_exact(TILE_COLS * self.queries.len());
        for (elements, column) in elements.zip(columns) {
            for (quad, keys) in blocks(self.keys.clone(), TILE_ROWS).enumerate() {
                let blind = self.seen.iter().take_while(|&&seen| seen <= quad * TILE_ROWS).count();
                // The rows of queries that see none of these keys come first.
                let rows = column.get(blind * TILE_COLS * TILE_COLS..).unwrap_or(&[]);
                let tile = quad_product(&weights[blind * PANEL..], quad, rows);
                let rows = first_row + keys.start..first_row + keys.end;
                let cols = first_column + elements.start..first_column + elements.end;
                add_tile(&tile, target, row_length, rows, cols);
            }
        }
    }
}

/// dq = scale times what was summed for a block of queries.
fn write_queries(sums: &[f32], queries: &Range<usize>, place: &Place, scale: f32, dq: &mut [f32]) {
    let panel_size = TILE_COLS * place.width.next_multiple_of(TILE_ROWS);
    for (i, query) in queries.clone().enumerate() {
        let sums = &sums[i / TILE_COLS * panel_size + i % TILE_COLS..];
        let begin = place.row(query);
        let row = &mut dq[begin..begin + place.width];
        for (dq, sum) in row.iter_mut().zip(sums.iter().step_by(TILE_COLS)) {
            *dq = scale * sum;
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
