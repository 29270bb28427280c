//! Runs of blocks, on which optimizers' kernels work: records, tiles, rows of elements in any storage type, sums of tiles.
//! Imports `operands`, `allocation`, `storage` and `simd`.

pub mod block_operands;
pub mod block_table;
pub mod changed_rows;
pub mod param;
pub mod partials;
pub mod stored_runs;
pub mod tiles;
pub mod trees;
