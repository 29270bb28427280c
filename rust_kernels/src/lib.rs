//! The kernels of src/device/kernels.ts on the CPU: f32 (stored as f16 or bf16 too), 128-bit WASM SIMD, one thread.
//!
//! Every kernel is a safe function on slices, judged by tests/reference; `operands` alone turns the pointers of a
//! call into slices. Sums are taken in short f32 runs that are added up in f64, so their error does not grow with length.

#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

mod adafactor;
mod allocation;
mod blocks;
mod operands;
mod ops;
mod simd;
mod storage;
