//! Tiles' sums put together: those of a part in ascending order, in f64; parts as balanced trees, in f32, as ranks' sums are
//! added by the all-reduce (src/device/block_table.ts says why).

use crate::adafactor::block_table::{Block, MOST_PARTS, tree, tree_of};
use core::ops::Range;

/// Columns that are summed at a time.
const CHUNK: usize = 256;

/// out[b, i] from sums of tiles' rows [batch, rows, tiles across].
pub fn join_rows(block: &Block, rows: &[f32], out: &mut [f32]) {
    let across = block.across();
    let mut sums = [0f32; MOST_PARTS];
    for (i, out) in out.iter_mut().enumerate() {
        let tiles = &rows[i * across.tiles()..][..across.tiles()];
        for (part, sum) in sums[..across.parts].iter_mut().enumerate() {
            *sum = in_order(&tiles[across.tiles_of(part)]);
        }
        *out = tree_of(&sums[..across.parts]);
    }
}

/// out[b, j] from sums of tiles' columns [batch, tiles down, cols].
pub fn join_cols(block: &Block, tiles: &[f32], out: &mut [f32]) {
    let (down, cols) = (block.down(), block.cols());
    let mut parts = [[0f32; CHUNK]; MOST_PARTS];
    for b in 0..block.batch() {
        let tiles = &tiles[b * down.tiles() * cols..][..down.tiles() * cols];
        for start in (0..cols).step_by(CHUNK) {
            let len = CHUNK.min(cols - start);
            for (part, out) in parts[..down.parts].iter_mut().enumerate() {
                let mut sums = [0f64; CHUNK];
                for tile in down.tiles_of(part) {
                    for (sum, &x) in sums.iter_mut().zip(&tiles[tile * cols + start..][..len]) {
                        *sum += f64::from(x);
                    }
                }
                *out = sums.map(|sum| sum as f32);
            }
            add_as_tree(&mut parts[..down.parts]);
            out[b * cols + start..][..len].copy_from_slice(&parts[0][..len]);
        }
    }
}

/// rows[0] = the tree over all rows, column by column.
fn add_as_tree(rows: &mut [[f32; CHUNK]]) {
    if rows.len() < 2 {
        return;
    }
    let (left, right) = rows.split_at_mut(rows.len().div_ceil(2));
    add_as_tree(left);
    add_as_tree(right);
    for (sum, x) in left[0].iter_mut().zip(&right[0]) {
        *sum += x;
    }
}

/// out[b, row slot] from tiles' sums [batch, tiles down, tiles across].
pub fn join_totals(block: &Block, tiles: &[f32], out: &mut [f32]) {
    let slots = block.row_slots as usize;
    for (at, out) in out.iter_mut().enumerate() {
        let (b, slot) = (at / slots, at % slots);
        *out = tree(row_parts(block, slot), &|i| rows_part(block, tiles, b..b + 1, i));
    }
}

/// out[batch slot, row slot] from tiles' sums [batch, tiles down, tiles across].
pub fn join_scalar(block: &Block, tiles: &[f32], out: &mut [f32]) {
    let slots = block.row_slots as usize;
    let depth = block.batch() / block.parts_batch as usize;
    for (at, out) in out.iter_mut().enumerate() {
        let (batch_slot, row_slot) = (at / slots, at % slots);
        *out = tree(batch_parts(block, batch_slot), &|k| {
            let matrices = k * depth..(k + 1) * depth;
            let rows = row_parts(block, row_slot);
            tree(rows, &|i| rows_part(block, tiles, matrices.clone(), i))
        });
    }
}

/// A scalar from its slots.
pub fn add_slots(block: &Block, slots: &[f32]) -> f32 {
    let row_slots = block.row_slots as usize;
    tree(0..block.batch_slots as usize, &|k| {
        tree(k * row_slots..(k + 1) * row_slots, &|at| slots[at])
    })
}

/// The tree over a part of the rows' parts of columns, of the matrices given.
fn rows_part(block: &Block, tiles: &[f32], matrices: Range<usize>, i: usize) -> f32 {
    let (down, across) = (block.down(), block.across());
    tree(0..across.parts, &|j| {
        let mut sum = 0.0;
        for b in matrices.clone() {
            for tile_row in down.tiles_of(i) {
                let row = &tiles[(b * down.tiles() + tile_row) * across.tiles()..];
                sum += row[across.tiles_of(j)].iter().copied().map(f64::from).sum::<f64>();
            }
        }
        sum as f32
    })
}

/// The rows' parts that count for a slot: all, where there is one slot.
fn row_parts(block: &Block, slot: usize) -> Range<usize> {
    parts_of(slot, block.row_slots, block.first_row_slot, block.parts_down)
}

fn batch_parts(block: &Block, slot: usize) -> Range<usize> {
    parts_of(slot, block.batch_slots, block.first_batch_slot, block.parts_batch)
}

fn parts_of(slot: usize, slots: u32, first_slot: u32, parts: u32) -> Range<usize> {
    let (first_slot, parts) = (first_slot as usize, parts as usize);
    if slots == 1 {
        0..parts
    } else if slot < first_slot || slot >= first_slot + parts {
        0..0
    } else {
        slot - first_slot..slot - first_slot + 1
    }
}

fn in_order(values: &[f32]) -> f32 {
    values.iter().copied().map(f64::from).sum::<f64>() as f32
}
