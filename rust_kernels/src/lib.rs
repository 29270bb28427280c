//! The kernels of src/device/kernels.ts on the CPU: f32 (stored as f16 or bf16 too), 128-bit WASM SIMD, one thread.
//!
//! Every kernel is a safe function on slices, judged by tests/reference; `operands` alone turns the pointers of a
//! call into slices. Sums are taken in short f32 runs that are added up in f64, so their error does not grow with length.

mod activations;
mod allocation;
mod attention;
mod attention_backward;
mod attention_scores;
mod averages;
mod bf16;
mod bits;
mod block_calls;
mod block_table;
mod cast;
mod changed_rows;
mod dropout;
mod elementwise;
mod embedding;
mod exports;
mod exports_attention;
mod exports_blocks;
mod f16;
mod gelu;
mod groups;
mod half;
mod half_runs;
mod joined_sums;
mod matmul;
mod momentum_steps;
mod norm;
mod operands;
mod permute;
mod plain_step;
mod rotary;
mod rounders;
mod simd;
mod softmax;
mod softmax_cross_entropy;
mod split_cross_entropy;
mod stochastic;
mod stored_runs;
mod sums;
mod tile_steps;
mod tile_sums;
mod tiles;
mod updates;
