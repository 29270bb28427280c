//! The passes that use the update u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j], most): its sum of squares,
//! and the step p <- p - decay p - a u / d, plain or with momentum. Blocks are [batch, rows, cols], taken row by row.

use crate::groups::{ABREAST, for_each_group, total};
use crate::simd::{F32x4, LANES};
use core::ops::Range;

/// Columns per f32 run of a sum: 64 additions per lane.
const RUN_COLS: usize = 64 * ABREAST * LANES;

/// Gradients [batch, rows, cols] with the factors that make them the update.
pub struct Update<'a> {
    pub grad: &'a [f32],
    /// [batch, rows]
    pub row_factors: &'a [f32],
    /// [batch, cols]
    pub col_factors: &'a [f32],
    /// No element of the gradient is multiplied by more.
    pub most: f32,
    pub rows: usize,
    pub cols: usize,
}

/// A part of one row, at most RUN_COLS long.
struct Run<'a> {
    grad: &'a [f32],
    row_factor: F32x4,
    col_factors: &'a [f32],
    most: F32x4,
    /// Where it lies in the block.
    range: Range<usize>,
}

impl Run<'_> {
    #[inline(always)]
    fn update(&self, grad: F32x4, col_factor: F32x4) -> F32x4 {
        grad * (self.row_factor * col_factor).min(self.most)
    }
}

/// A step: p loses `decay` p and `over` u.
pub struct Step {
    pub decay: f32,
    pub over: f32,
}

/// A step with momentum: the average becomes `keep` of itself and `take` of u, then p loses `decay` p and `over` of it.
pub struct MomentumStep {
    pub decay: f32,
    pub keep: f32,
    pub take: f32,
    pub over: f32,
}

/// A step with a momentum that is already averaged: p loses `decay` p and `over` of what is aligned with `take` u.
pub struct CautiousStep {
    pub decay: f32,
    pub take: f32,
    pub over: f32,
}

/// Sum of u^2.
pub fn adafactor_update_squares(update: &Update) -> f32 {
    let mut result = 0.0;
    for_each_run(update, |run| {
        let mut sums = [F32x4::splat(0.0); ABREAST];
        for_each_group([run.grad, run.col_factors], [], |[grad, col_factor], [], i| {
            let u = run.update(grad, col_factor);
            sums[i] += u * u;
            []
        });
        result += f64::from(total(sums));
    });
    result as f32
}

/// p <- p - decay p - over u; returns the sum of the new p^2.
pub fn adafactor_apply(update: &Update, param: &mut [f32], step: &Step) -> f32 {
    let (decay, over) = (F32x4::splat(step.decay), F32x4::splat(step.over));
    let mut result = 0.0;
    for_each_run(update, |run| {
        let mut sums = [F32x4::splat(0.0); ABREAST];
        let reads = [run.grad, run.col_factors];
        for_each_group(reads, [&mut param[run.range.clone()]], |[grad, col_factor], [p], i| {
            let u = run.update(grad, col_factor);
            let p = p - decay * p - over * u;
            sums[i] += p * p;
            [p]
        });
        result += f64::from(total(sums));
    });
    result as f32
}

/// momentum <- keep momentum + take u;  p <- p - decay p - over momentum; returns the sum of the new p^2.
pub fn adafactor_apply_momentum(
    update: &Update,
    param: &mut [f32],
    momentum: &mut [f32],
    step: &MomentumStep,
) -> f32 {
    let (decay, over) = (F32x4::splat(step.decay), F32x4::splat(step.over));
    let (keep, take) = (F32x4::splat(step.keep), F32x4::splat(step.take));
    let mut result = 0.0;
    for_each_run(update, |run| {
        let mut sums = [F32x4::splat(0.0); ABREAST];
        let reads = [run.grad, run.col_factors];
        let writes = [&mut param[run.range.clone()], &mut momentum[run.range.clone()]];
        for_each_group(reads, writes, |[grad, col_factor], [p, m], i| {
            let u = run.update(grad, col_factor);
            let m = keep * m + take * u;
            let p = p - decay * p - over * m;
            sums[i] += p * p;
            [p, m]
        });
        result += f64::from(total(sums));
    });
    result as f32
}

/// momentum <- keep momentum + take u; returns how many elements of it have the sign of take u.
pub fn adafactor_momentum(update: &Update, momentum: &mut [f32], keep: f32, take: f32) -> f32 {
    let (keep, take) = (F32x4::splat(keep), F32x4::splat(take));
    let mut result = 0.0;
    for_each_run(update, |run| {
        let mut counts = [F32x4::splat(0.0); ABREAST];
        let reads = [run.grad, run.col_factors];
        let writes = [&mut momentum[run.range.clone()]];
        for_each_group(reads, writes, |[grad, col_factor], [m], i| {
            let taken = take * run.update(grad, col_factor);
            let m = keep * m + taken;
            counts[i] += where_aligned(m, taken, F32x4::splat(1.0));
            [m]
        });
        result += f64::from(total(counts));
    });
    result as f32
}

/// p <- p - decay p - over momentum, momentum only where it has the sign of take u; returns the sum of the new p^2.
pub fn adafactor_apply_cautious(
    update: &Update,
    param: &mut [f32],
    momentum: &[f32],
    step: &CautiousStep,
) -> f32 {
    let (decay, over) = (F32x4::splat(step.decay), F32x4::splat(step.over));
    let take = F32x4::splat(step.take);
    let mut result = 0.0;
    for_each_run(update, |run| {
        let mut sums = [F32x4::splat(0.0); ABREAST];
        let reads = [run.grad, run.col_factors, &momentum[run.range.clone()]];
        let writes = [&mut param[run.range.clone()]];
        for_each_group(reads, writes, |[grad, col_factor, m], [p], i| {
            let taken = take * run.update(grad, col_factor);
            let p = p - decay * p - where_aligned(m, taken, over * m);
            sums[i] += p * p;
            [p]
        });
        result += f64::from(total(sums));
    });
    result as f32
}

/// `value` in the lanes where a and b have one sign, else 0.
#[inline(always)]
fn where_aligned(a: F32x4, b: F32x4, value: F32x4) -> F32x4 {
    // As if the product were above 0: what is subnormal counts as 0.
    (a * b).where_ge(F32x4::splat(f32::MIN_POSITIVE), value, F32x4::splat(0.0))
}

#[inline(always)]
fn for_each_run(update: &Update, mut f: impl FnMut(Run)) {
    let &Update { grad, row_factors, col_factors, most, rows, cols } = update;
    let most = F32x4::splat(most);
    for (row, &row_factor) in row_factors.iter().enumerate() {
        let col_factors = &col_factors[row / rows * cols..][..cols];
        for (i, col_factors) in col_factors.chunks(RUN_COLS).enumerate() {
            let start = row * cols + i * RUN_COLS;
            let range = start..start + col_factors.len();
            let row_factor = F32x4::splat(row_factor);
            f(Run { grad: &grad[range.clone()], row_factor, col_factors, most, range });
        }
    }
}
