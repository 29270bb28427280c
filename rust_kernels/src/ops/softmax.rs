//! Softmax of rows: y[c] = e^(x[c] - m) / sum_c e^(x[c] - m), m the largest of the row.
//! Its gradient: dx = y (dy - sum_c y dy). Beside it rows that are divided by their sums.

use crate::simd::f32x4::F32x4;
use crate::simd::groups::{ABREAST, for_each_group, largest, map, total};
use crate::simd::sums::{RUN, sum_by};

/// Rows of `cols` elements. -infinity gives exactly 0, NaN in a row of nothing else.
pub fn softmax(x: &[f32], cols: usize, out: &mut [f32]) {
    let cols = cols.max(1);
    for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        let shift = F32x4::splat(largest(x));
        map(x, out, |x| weight(x, shift));
        let inverse = F32x4::splat((1.0 / sum_by(out, |e| e)) as f32);
        for_each_group([], [out], |[], [e], _| [e * inverse]);
    }
}

/// The gradient, from the result `y`.
pub fn softmax_backward(y: &[f32], dy: &[f32], cols: usize, dx: &mut [f32]) {
    let cols = cols.max(1);
    let rows = y.chunks_exact(cols).zip(dy.chunks_exact(cols)).zip(dx.chunks_exact_mut(cols));
    for ((y, dy), dx) in rows {
        let mut along = 0.0;
        for (y, dy) in y.chunks(RUN).zip(dy.chunks(RUN)) {
            let mut sums = [F32x4::splat(0.0); ABREAST];
            for_each_group([y, dy], [], |[y, dy], [], i| {
                sums[i] += y * dy;
                []
            });
            along += f64::from(total(sums));
        }
        let along = F32x4::splat(along as f32);
        for_each_group([y, dy], [dx], |[y, dy], _, _| [y * (dy - along)]);
    }
}

/// e^(score - shift), exactly 0 where the score is -infinity.
#[inline(always)]
pub fn weight(score: F32x4, shift: F32x4) -> F32x4 {
    // `exp` clamps its argument, so that it is never exactly 0. NaN stays NaN.
    let masked = F32x4::splat(f32::NEG_INFINITY);
    masked.where_ge(score, F32x4::splat(0.0), (score - shift).exp())
}

/// y = x / s, s = sum_c x + eps
pub fn normalize_sums(x: &[f32], cols: usize, eps: f32, out: &mut [f32]) {
    let cols = cols.max(1);
    for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        let sum = sum_by(x, |x| x) as f32 + eps;
        out.iter_mut().zip(x).for_each(|(out, x)| *out = x / sum);
    }
}

/// dx = (dy - sum_c x dy / s) / s
pub fn normalize_sums_backward(x: &[f32], dy: &[f32], cols: usize, eps: f32, dx: &mut [f32]) {
    let cols = cols.max(1);
    let rows = x.chunks_exact(cols).zip(dy.chunks_exact(cols)).zip(dx.chunks_exact_mut(cols));
    for ((x, dy), dx) in rows {
        let sum = sum_by(x, |x| x) as f32 + eps;
        let along: f64 = x.iter().zip(dy).map(|(x, dy)| f64::from(*x) * f64::from(*dy)).sum();
        let along = along as f32 / sum;
        dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = (dy - along) / sum);
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn softmax(x: In, out: Out, rows: usize, cols: usize) {
        super::softmax(read(x, rows * cols), cols, write(out, rows * cols));
    }

    #[wasm_bindgen]
    pub fn softmax_backward(y: In, dy: In, dx: Out, rows: usize, cols: usize) {
        let (y, dy) = (read(y, rows * cols), read(dy, rows * cols));
        super::softmax_backward(y, dy, cols, write(dx, rows * cols));
    }

    #[wasm_bindgen]
    pub fn normalize_sums(x: In, out: Out, rows: usize, cols: usize, eps: f32) {
        super::normalize_sums(read(x, rows * cols), cols, eps, write(out, rows * cols));
    }

    #[wasm_bindgen]
    pub fn normalize_sums_backward(x: In, dy: In, dx: Out, rows: usize, cols: usize, eps: f32) {
        let (x, dy) = (read(x, rows * cols), read(dy, rows * cols));
        super::normalize_sums_backward(x, dy, cols, eps, write(dx, rows * cols));
    }
}
