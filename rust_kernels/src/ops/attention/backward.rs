//! The gradients of attention, with scores computed again block by block from lse, the logarithm of each query's sum.
//!
//! With w = e^(score - lse), dropout's factor share (1 without it), p = w share, dp[t, s] = dout[t] . v[s] and
//! delta[t] = dout[t] . out[t] = sum_s p dp:
//!   ds = w (share dp - delta)      (where scores are capped, times 1 - (score / cap)^2)
//!   dq[t] = scale sum_s ds k[s]      dk[s] = scale sum_t ds q[t]      dv[s] = sum_t p dout[t]
//!   dbias[j] = sum of ds over t and s with s - t + queries - 1 = j
//! dk and dv of a head of the keys are summed over the heads of queries that use it, in their order.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::attention::gradient_block::{Block, Head, PackedKeys};
use crate::ops::attention::packed_blocks::PackedBlocks;
use crate::ops::attention::shape::{Attention, Operands, Place, QUERIES};
use crate::ops::panels::{TILE_COLS, TILE_ROWS, blocks, pack};
use core::ops::Range;

/// Gradients by operand, shaped like it.
pub struct Gradients<'a> {
    pub dq: &'a mut [f32],
    pub dk: &'a mut [f32],
    pub dv: &'a mut [f32],
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

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::Gradients;
    use crate::operands::*;
    use crate::ops::attention::shape::export_attention;

    export_attention!(
        attention_backward,
        (dout: In, moments: In, dq: Out, dk: Out, dv: Out),
        |operands, sizes| {
            let &Attention { batch, queries, keys, heads, key_heads, dim, value_dim, .. } = &sizes;
            let (rows, key_rows) = (batch * queries * heads, batch * keys * key_heads);
            let (dout, moments) = (read(dout, rows * value_dim), read(moments, 2 * rows));
            let mut gradients = Gradients {
                dq: write(dq, rows * dim),
                dk: write(dk, key_rows * dim),
                dv: write(dv, key_rows * value_dim),
            };
            or_throw(super::attention_backward(&operands, dout, moments, &sizes, &mut gradients));
        }
    );
}
