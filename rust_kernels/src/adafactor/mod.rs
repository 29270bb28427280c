//! The passes of Adafactor and CAME over runs of blocks: the kernel adafactor_step is in step.rs, and so on. Imports `blocks`
//! and what `blocks` imports.

mod averages;
mod came_tile_sums;
mod join_scalar;
mod join_sums;
mod scale_gradients;
mod slots;
mod step;
mod step_cautious;
mod step_momentum;
mod step_operands;
mod step_sizes;
mod tile_momentum;
mod tile_params;
mod tile_sums;
mod tile_updates;
mod updates;
