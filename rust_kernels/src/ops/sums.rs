//! Sums: of rows, of columns, of squares. Runs of at most `RUN` elements (or `RUN_ROWS` rows) are added up in f32 lanes,
//! the runs in f64: the relative error of a sum of squares stays near 1e-7 whatever its length.

use crate::allocation::{OutOfMemory, scratch};
use crate::simd::groups::{ABREAST, for_each_group, total};
use crate::simd::lanes::{F32x4, LANES};

/// Elements per f32 run: 64 additions per lane.
const RUN: usize = 64 * ABREAST * LANES;
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

/// out[r] (+)= sum over c of x[r, c]
pub fn row_sums(x: &[f32], cols: usize, accumulate: bool, out: &mut [f32]) {
    for (r, out) in out.iter_mut().enumerate() {
        let sum = sum_by(&x[r * cols..(r + 1) * cols], |x| x) as f32;
        *out = if accumulate { *out + sum } else { sum };
    }
}

/// out[c] (+)= sum over r of x[r, c]
pub fn column_sums(x: &[f32], accumulate: bool, out: &mut [f32]) -> Result<(), OutOfMemory> {
    let cols = out.len();
    if cols == 0 {
        return Ok(());
    }
    let mut run = scratch::<f32>(cols)?;
    let mut sums = scratch::<f64>(cols)?;
    for rows in x.chunks(RUN_ROWS.saturating_mul(cols)) {
        run.fill(0.0);
        for row in rows.chunks_exact(cols) {
            for (sum, x) in run.iter_mut().zip(row) {
                *sum += x;
            }
        }
        for (sum, x) in sums.iter_mut().zip(&run) {
            *sum += f64::from(*x);
        }
    }
    for (out, &sum) in out.iter_mut().zip(&sums) {
        *out = if accumulate { *out + sum as f32 } else { sum as f32 };
    }
    Ok(())
}
