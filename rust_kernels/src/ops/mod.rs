//! The kernels of the differentiable operations. Imports `simd`, `storage` and what stands beside this folder.

pub mod activations;
pub mod attention;
pub mod cast;
pub mod dropout;
pub mod elementwise;
pub mod embedding;
pub mod gelu;
pub mod matmul;
pub mod norm;
pub mod panels;
pub mod permute;
pub mod rotary;
pub mod softmax;
pub mod softmax_cross_entropy;
pub mod split_cross_entropy;
pub mod sums;
