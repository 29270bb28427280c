//! The slots of one scalar of a block, from its tiles' sums.

use crate::adafactor::slots::{batch_parts, row_parts, rows_part};
use crate::blocks::block_table::Block;
use crate::blocks::trees::tree;

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

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::join_scalar;
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub run: BlockRun,
        pub scalar: u32,
        pub partials_length: u32,
        pub sums_length: u32,
    }

    #[wasm_bindgen]
    pub fn adafactor_join_scalar(
        blocks: Records<Block>,
        partials: In,
        sums: Out,
        params: *const Params,
    ) {
        let params = read_params(params);
        let partials = Vector::new("partials", partials, params.partials_length);
        let sums = Vector::new("sums", sums, params.sums_length);
        for_each_block(blocks, &params.run, |block, _| {
            let first_slot = match params.scalar {
                0 => block.gradient_squares,
                1 => block.update_squares,
                2 => block.param_squares,
                3 => block.aligned,
                other => wasm_bindgen::throw_str(&format!("No scalar has the number {other}")),
            };
            let tiles = partials.partials(block).tiles;
            join_scalar(block, tiles, sums.write(first_slot, block.slots()));
            Ok(())
        });
    }
}
