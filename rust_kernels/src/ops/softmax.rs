//! y[c] = e^(x[c] - m) / sum_c e^(x[c] - m), m the largest of the row; its gradient is dx = y (dy - sum_c y dy).

use crate::ops::attention_scores::weight;
use crate::ops::sums::sum_by;
use crate::simd::groups::{ABREAST, for_each_group, largest, map, total};
use crate::simd::lanes::F32x4;

/// Rows of `cols`. -infinity gives exactly 0, and a row of nothing else NaN.
pub fn softmax(x: &[f32], cols: usize, out: &mut [f32]) {
    let cols = cols.max(1);
    for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        let shift = F32x4::splat(largest(x));
        map(x, out, |x| weight(x, shift));
        let inverse = F32x4::splat((1.0 / sum_by(out, |e| e)) as f32);
        for_each_group([], [out], |[], [e], _| [e * inverse]);
    }
}

/// The gradient, of the result `y`.
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

/// Elements per f32 run: 64 additions per lane.
const RUN: usize = 64 * ABREAST * crate::simd::lanes::LANES;
