//! Vectors of 128 bits, and slices that are read and written four elements at a time. Imports nothing else of the crate.

pub mod f32x4;
pub mod groups;
pub mod kept;
mod lanewise;
pub mod sums;
pub mod u16x8;
pub mod u32x4;
