//! The gradient of attention's biases by distance: dbias[j] = sum of ds over t and s with s - t + queries - 1 = j.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::attention::gradient_block::{Block, Head, PackedKeys};
use crate::ops::attention::scores::{load_eight, store_eight};
use crate::ops::attention::shape::{Attention, Operands, QUERIES};
use crate::ops::panels::{TILE_COLS, blocks};

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
    // By t - s + keys - 1, so that neighbouring queries are neighbours; the last panel may extend beyond the last query.
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

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;
    use crate::ops::attention::shape::export_attention;

    export_attention!(
        attention_bias_backward,
        (dout: In, moments: In, dbias: Out),
        |operands, sizes| {
            let &Attention { batch, queries, keys, heads, value_dim, .. } = &sizes;
            let rows = batch * queries * heads;
            let (dout, moments) = (read(dout, rows * value_dim), read(moments, 2 * rows));
            let dbias = write(dbias, heads * (queries + keys).saturating_sub(1));
            or_throw(super::attention_bias_backward(&operands, dout, moments, &sizes, dbias));
        }
    );
}
