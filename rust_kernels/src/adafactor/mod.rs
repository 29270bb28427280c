//! The passes of Adafactor and CAME over runs of blocks. Imports `simd`, `storage` and what stands beside this folder.

pub mod averages;
pub mod block_calls;
pub mod block_table;
pub mod changed_rows;
pub mod joined_sums;
pub mod momentum_steps;
pub mod plain_step;
pub mod stored_runs;
pub mod tile_steps;
pub mod tile_sums;
pub mod tiles;
pub mod updates;
