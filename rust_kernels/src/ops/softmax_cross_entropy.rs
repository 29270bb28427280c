//! Cross-entropy of a softmax with its gradient, in one call per batch of rows.
//!
//! With m = max_c x[c] and S = sum_c e^(x[c] - m):  loss = ln S + m - x[target],
//! dx[c] = scale (e^(x[c] - m) / S - [c = target]). S is summed in f64 over runs of f32 sums.

use crate::simd::f32x4::F32x4;
use crate::simd::groups::{largest, map};
use crate::simd::sums::sum_by;

/// logits[rows, cols] -> losses[rows], dlogits[rows, cols]. Every target is below `cols` or `ignored`, which gives loss and
/// gradient 0.
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

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn softmax_cross_entropy(
        logits: In,
        targets: InU32,
        losses: Out,
        dlogits: Out,
        rows: usize,
        cols: usize,
        grad_scale: f32,
        ignored: u32,
    ) {
        let (logits, dlogits) = (read(logits, rows * cols), write(dlogits, rows * cols));
        let targets = read_indices("softmax_cross_entropy", targets, rows, cols, ignored);
        let losses = write(losses, rows);
        super::softmax_cross_entropy(logits, targets, cols, grad_scale, ignored, losses, dlogits);
    }
}
