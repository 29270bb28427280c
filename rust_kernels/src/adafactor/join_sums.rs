//! The sums of a block's rows, of its columns and of its matrices, from those of its tiles: a part's tiles in ascending
//! order, in f64; parts as balanced trees, in f32.

use crate::adafactor::slots::{row_parts, rows_part};
use crate::blocks::block_table::{Block, MOST_PARTS};
use crate::blocks::trees::{tree, tree_of};

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

fn in_order(values: &[f32]) -> f32 {
    values.iter().copied().map(f64::from).sum::<f64>() as f32
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

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::{join_cols, join_rows, join_totals};
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub run: VectorRun,
        pub partials_length: u32,
        pub sums_length: u32,
    }

    #[wasm_bindgen]
    pub fn adafactor_join_sums(
        blocks: Records<Block>,
        partials: In,
        sums: Out,
        params: *const Params,
    ) {
        let params = read_params(params);
        let partials = Vector::new("partials", partials, params.partials_length);
        let sums = Vector::new("sums", sums, params.sums_length);
        for_each_block(blocks, &params.run.blocks, |block, _| {
            let partials = partials.partials(block);
            let batch = block.batch();
            join_rows(block, partials.rows, sums.write(block.row_sums, batch * block.rows()));
            join_cols(block, partials.cols, sums.write(block.col_sums, batch * block.cols()));
            join_totals(
                block,
                partials.tiles,
                sums.write(block.totals, batch * block.row_slots as usize),
            );
            Ok(())
        });
    }
}
