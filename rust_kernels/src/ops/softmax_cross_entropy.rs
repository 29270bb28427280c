//! Cross-entropy of a softmax with its gradient, in one call per batch of rows.
//!
//! With m = max_c x[c] and S = sum_c e^(x[c] - m):  loss = ln S + m - x[target],
//! dx[c] = scale (e^(x[c] - m) / S - [c = target]). S is summed in f64 over runs of f32 sums.

use crate::ops::sums::sum_by;
use crate::simd::groups::{largest, map};
use crate::simd::lanes::F32x4;

/// logits[rows, cols] -> losses[rows], dlogits[rows, cols]; every target is below `cols`, or it is `ignored`: such rows
/// have neither loss nor gradient.
pub fn softmax_cross_entropy(
    logits: &[f32],
    targets: &[u32],
    cols: usize,
    scale: f32,
    ignored: u32,
    losses: &mut [f32],
    dlogits: &mut [f32],
) {
    let rows = logits.chunks_exact(cols.max(1)).zip(dlogits.chunks_exact_mut(cols.max(1)));
    for (((x, dx), &target), loss) in rows.zip(targets).zip(losses) {
        if target == ignored {
            *loss = 0.0;
            dx.fill(0.0);
            continue;
        }
        let max = largest(x);
        let shift = F32x4::splat(max);
        map(x, dx, |x| (x - shift).exp());
        let sum = sum_by(dx, |e| e);
        let target = target as usize;
        *loss = (sum.ln() + f64::from(max) - f64::from(x[target])) as f32;
        let factor = (f64::from(scale) / sum) as f32;
        for value in dx.iter_mut() {
            *value *= factor;
        }
        dx[target] -= scale;
    }
}
