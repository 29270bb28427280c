//! The kernels of src/device/kernels/ on the CPU: computed in f32 (stored as f32, f16 or bf16), 128-bit WASM SIMD, one
//! thread.
//!
//! A kernel is one file of `ops` or `adafactor` and its line in that folder's mod.rs: a safe function on slices and, beside
//! it, its WASM export (operands.rs). Tests compare each with its reference in tests/reference. Sums are taken in short f32
//! runs that are added up in f64, so that their error does not grow with length.
//!
//! Imports run one way, from right to left, and any file may import `allocation`:
//!   simd, storage, operands, blocks, adafactor
//!   simd, storage, operands, blocks, adamw
//!   simd, storage, operands, ops

// An export has as many arguments as its kernel has operands and parameters, pointers among them.
#![allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]

mod adafactor;
mod adamw;
mod allocation;
mod blocks;
mod operands;
mod ops;
mod simd;
mod storage;
