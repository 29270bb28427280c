//! Sums of long slices: runs of `RUN` elements are added up in f32 lanes, the runs in f64, so that the relative error of a
//! sum of squares stays near 1e-7 whatever its length.

use crate::simd::f32x4::{F32x4, LANES};
use crate::simd::groups::{ABREAST, for_each_group, total};

/// Elements per f32 run: 64 additions per lane.
pub const RUN: usize = 64 * ABREAST * LANES;
/// Rows per f32 run of a column sum.
pub const RUN_ROWS: usize = 64;

/// Sum of f(x), f on four lanes with f(0) = 0.
#[inline(always)]
pub fn sum_by(x: &[f32], f: impl Fn(F32x4) -> F32x4) -> f64 {
    x.chunks(RUN).map(|run| f64::from(run_sum(run, &f))).sum()
}

#[inline(always)]
fn run_sum(run: &[f32], f: &impl Fn(F32x4) -> F32x4) -> f32 {
    let mut sums = [F32x4::splat(0.0); ABREAST];
    for_each_group([run], [], |[x], [], i| {
        sums[i] += f(x);
        []
    });
    total(sums)
}

/// Sum of x^2.
pub fn sum_squares(x: &[f32]) -> f32 {
    sum_by(x, |x| x * x) as f32
}
