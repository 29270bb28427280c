//! Kernels that treat each element alone. Slices of one call have one length unless said otherwise.

use crate::simd::groups::{map, zip};
use crate::simd::lanes::F32x4;

/// out = a + b
pub fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    zip(a, b, out, |a, b| a + b);
}

/// out = a * b
pub fn mul(a: &[f32], b: &[f32], out: &mut [f32]) {
    zip(a, b, out, |a, b| a * b);
}

/// out[rows, cols] = x[rows, cols] + bias[cols]
pub fn add_bias(x: &[f32], bias: &[f32], out: &mut [f32]) {
    if bias.is_empty() {
        return;
    }
    for (x, out) in x.chunks_exact(bias.len()).zip(out.chunks_exact_mut(bias.len())) {
        add(x, bias, out);
    }
}

/// out = factor * x
pub fn scale(x: &[f32], factor: f32, out: &mut [f32]) {
    let factor = F32x4::splat(factor);
    map(x, out, |x| factor * x);
}

/// out += factor * x
pub fn accumulate(x: &[f32], factor: f32, out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += factor * x;
    }
}

/// Rows of a block in a buffer: how long a row is and where in it the block begins.
pub struct Stripe {
    pub stride: usize,
    pub offset: usize,
}

impl Stripe {
    /// One past the last element of a block that is not empty.
    pub fn end(&self, rows: usize, cols: usize) -> usize {
        (rows - 1) * self.stride + self.offset + cols
    }
}

/// out[r, to.offset + c] = x[r, from.offset + c]
pub fn copy_block(x: &[f32], from: Stripe, out: &mut [f32], to: Stripe, rows: usize, cols: usize) {
    for r in 0..rows {
        let (source, target) = (r * from.stride + from.offset, r * to.stride + to.offset);
        out[target..target + cols].copy_from_slice(&x[source..source + cols]);
    }
}
