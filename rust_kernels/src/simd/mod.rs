//! Four f32, four words or eight 16-bit numbers at a time, and slices walked so. Imports nothing else of the crate.

pub mod bits;
pub mod groups;
pub mod lanes;
