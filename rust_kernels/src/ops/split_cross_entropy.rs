//! Cross-entropy of a softmax whose classes are split over ranks: two kernels with an exchange between them.
//!
//! A rank has columns x[c] of the classes first + c. With its own m = max_c x[c] and s = sum_c e^(x[c] - m), and all ranks'
//! M = max m, S = sum s e^(m - M):  loss = ln S + M - x[target],  dx[c] = scale (e^(x[c] - m) e^(m - M) / S - [c = target]).

use crate::simd::f32x4::F32x4;
use crate::simd::groups::{largest, map};
use crate::simd::sums::sum_by;

/// Numbers per row that ranks exchange: m, s, and x[target], 0 where another rank has the target.
pub const STATISTICS: usize = 3;

/// The classes of this rank: its first columns; the others are padding.
pub struct Classes {
    /// First class.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// How many columns there are.
    pub cols: usize,
}

impl Classes {
    fn column_of(&self, class: u32) -> Option<usize> {
        (class as usize).checked_sub(self.first).filter(|&column| column < self.count)
    }
}

/// logits[rows, cols] -> exps[rows, cols], 0 in padding, and statistics[rows, 3].
pub fn split_softmax(
    logits: &[f32],
    targets: &[u32],
    classes: &Classes,
    exps: &mut [f32],
    statistics: &mut [f32],
) {
    let cols = classes.cols.max(1);
    let rows = logits.chunks_exact(cols).zip(exps.chunks_exact_mut(cols));
    for (((x, exps), &target), statistics) in
        rows.zip(targets).zip(statistics.chunks_exact_mut(STATISTICS))
    {
        let (x, (exps, padding)) = (&x[..classes.count], exps.split_at_mut(classes.count));
        padding.fill(0.0);
        // A row of -infinity has exps of 0. NaN stays NaN.
        let max = match largest(x) {
            max if max < f32::MIN => f32::MIN,
            max => max,
        };
        let shift = F32x4::splat(max);
        map(x, exps, |x| (x - shift).exp());
        let target_logit = classes.column_of(target).map_or(0.0, |column| x[column]);
        statistics.copy_from_slice(&[max, sum_by(exps, |e| e) as f32, target_logit]);
    }
}

/// The scale of gradients.
pub struct Scaling {
    /// This rank.
    pub rank: usize,
    pub grad_scale: f32,
    pub ignored: u32,
}

/// statistics[ranks, rows, 3] -> losses[rows], the same on all ranks; dlogits[rows, cols] holds exps and gets the gradient.
/// Both are 0 for targets that are `ignored`.
pub fn split_cross_entropy(
    statistics: &[f32],
    targets: &[u32],
    classes: &Classes,
    scaling: &Scaling,
    losses: &mut [f32],
    dlogits: &mut [f32],
) {
    let rows = targets.len();
    for (row, (dx, loss)) in dlogits.chunks_exact_mut(classes.cols.max(1)).zip(losses).enumerate() {
        let target = targets[row];
        if target == scaling.ignored {
            *loss = 0.0;
            dx.fill(0.0);
            continue;
        }
        let ranks = || {
            let of_row = statistics.chunks_exact(STATISTICS).skip(row).step_by(rows);
            of_row.map(|each| (f64::from(each[0]), f64::from(each[1]), f64::from(each[2])))
        };
        let max = ranks().map(|(max, _, _)| max).fold(f64::from(f32::MIN), f64::max);
        let sum: f64 = ranks().map(|(own, sum, _)| sum * (own - max).exp()).sum();
        let target_logit: f64 = ranks().map(|(_, _, logit)| logit).sum();
        *loss = (sum.ln() + max - target_logit) as f32;
        let own = ranks().nth(scaling.rank).map_or(max, |(own, _, _)| own);
        let factor = (f64::from(scaling.grad_scale) * (own - max).exp() / sum) as f32;
        for value in dx.iter_mut() {
            *value *= factor;
        }
        // A factor of NaN has made the padding NaN too.
        dx[classes.count..].fill(0.0);
        if let Some(column) = classes.column_of(target) {
            dx[column] -= scaling.grad_scale;
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::{Classes, STATISTICS, Scaling};
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn split_softmax(
        logits: In,
        targets: InU32,
        exps: Out,
        statistics: Out,
        rows: usize,
        cols: usize,
        first_class: usize,
        num_classes: usize,
    ) {
        let classes = Classes { first: first_class, count: num_classes, cols };
        let (logits, exps) = (read(logits, rows * cols), write(exps, rows * cols));
        let targets = read_u32(targets, rows);
        let statistics = write(statistics, STATISTICS * rows);
        super::split_softmax(logits, targets, &classes, exps, statistics);
    }

    #[wasm_bindgen]
    pub fn split_cross_entropy(
        statistics: In,
        targets: InU32,
        losses: Out,
        dlogits: Out,
        rows: usize,
        cols: usize,
        first_class: usize,
        num_classes: usize,
        rank: usize,
        ranks: usize,
        grad_scale: f32,
        ignored: u32,
    ) {
        let classes = Classes { first: first_class, count: num_classes, cols };
        let scaling = Scaling { rank, grad_scale, ignored };
        let statistics = read(statistics, ranks * rows * STATISTICS);
        let targets = read_u32(targets, rows);
        let (losses, dlogits) = (write(losses, rows), write(dlogits, rows * cols));
        super::split_cross_entropy(statistics, targets, &classes, &scaling, losses, dlogits);
    }
}
