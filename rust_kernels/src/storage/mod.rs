//! Elements stored in 16 bits: how they are widened, and how f32 are rounded to them. Imports `simd`.

pub mod bf16;
pub mod f16;
pub mod half;
pub mod half_runs;
pub mod rounders;
pub mod stochastic;
pub mod stored;
