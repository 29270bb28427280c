//! Attention and its gradients, over blocks of queries and keys. Imports the rest of `ops`, which imports nothing of it.

pub mod backward;
pub mod bias_backward;
pub mod delta;
pub mod forward;
mod gradient_block;
mod packed_blocks;
mod scores;
mod shape;
mod single_query;
mod weight_dropout;
