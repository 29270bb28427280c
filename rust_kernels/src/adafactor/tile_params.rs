//! Tiles' sums of the squares of a parameter.

use crate::allocation::OutOfMemory;
use crate::blocks::block_table::Block;
use crate::blocks::stored_runs::{buffers, load_rows};
use crate::blocks::tiles::sum_tiles_by_row;
use crate::simd::sums::sum_squares;
use crate::storage::stored::Stored;

/// tiles = sums of x^2.
pub fn tile_squares(block: &Block, x: Stored, tiles: &mut [f32]) -> Result<(), OutOfMemory> {
    let mut buffers = buffers::<1>();
    sum_tiles_by_row(block, tiles, |run| {
        let [row] = load_rows::<1>(x, run, &mut buffers);
        sum_squares(row)
    })
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::tile_squares;
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub run: TileRun,
        pub param: StoredOperand,
    }

    #[wasm_bindgen]
    pub fn adafactor_tile_params(
        param: In,
        blocks: Records<Block>,
        partials: Out,
        params: *const Params,
    ) {
        let params = read_params(params);
        for_each_block(blocks, &params.run.blocks, |block, _| {
            let param = params.param.read(param, block.param_offset, block.count());
            tile_squares(block, param, params.run.partials(partials, block).tiles)
        });
    }
}
