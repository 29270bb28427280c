//! Adds a multiple of one row to another.

use crate::simd::f32x4::{F32x4, LANES};

/// sums += factor x, of the same length
#[inline(always)]
pub fn add_scaled(sums: &mut [f32], factor: f32, x: &[f32]) {
    let whole = x.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        // SAFETY: at + 4 <= x.len() = sums.len().
        let scaled = unsafe { F32x4::splat(factor) * F32x4::load(x, at) };
        unsafe { (F32x4::load(sums, at) + scaled).store(sums, at) };
    }
    for at in whole..x.len() {
        sums[at] += factor * x[at];
    }
}
