//! The parts of a block's sums, and the slots that hold them: a part's tiles are added in ascending order, in f64; parts as
//! balanced trees, in f32, as the all-reduce adds ranks' sums (src/device/block_table.ts).

use crate::blocks::block_table::Block;
use crate::blocks::trees::tree;
use core::ops::Range;

/// A scalar from its slots.
pub fn add_slots(block: &Block, slots: &[f32]) -> f32 {
    let row_slots = block.row_slots as usize;
    tree(0..block.batch_slots as usize, &|k| {
        tree(k * row_slots..(k + 1) * row_slots, &|at| slots[at])
    })
}

/// The tree over the parts of the columns, of part `i` of the rows in the matrices given.
pub fn rows_part(block: &Block, tiles: &[f32], matrices: Range<usize>, i: usize) -> f32 {
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

/// The parts of the rows that a slot sums: all, where there is one slot only.
pub fn row_parts(block: &Block, slot: usize) -> Range<usize> {
    parts_of(slot, block.row_slots, block.first_row_slot, block.parts_down)
}

/// The parts of the batch that a slot sums.
pub fn batch_parts(block: &Block, slot: usize) -> Range<usize> {
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
