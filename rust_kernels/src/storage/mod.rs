//! Elements stored in 16 bits: widened to f32, and f32 rounded to them. Imports `simd` only.

pub mod bf16;
pub mod f16;
pub mod half;
pub mod half_runs;
pub mod rounders;
pub mod stochastic;
pub mod stored;
