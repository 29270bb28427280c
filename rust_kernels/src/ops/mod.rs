//! The kernels of differentiable operations and of their gradients. Imports `operands`, `allocation`, `storage` and `simd`.

pub mod attention;
pub mod cast;
pub mod dropout;
pub mod elementwise;
pub mod embedding;
mod few_rows;
pub mod fourier_features;
pub mod matmul;
pub mod norm;
pub mod panels;
pub mod permute;
pub mod pointwise;
mod pointwise_formulas;
pub mod pointwise_functions;
pub mod rotary;
pub mod row_orders;
mod scaled_sum;
pub mod selection;
pub mod softmax;
pub mod softmax_cross_entropy;
pub mod split_cross_entropy;
pub mod sums;
pub mod windows;
