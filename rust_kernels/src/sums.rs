//! Sums: of rows, of columns, of squares. Runs of at most `RUN` elements (or `RUN_ROWS` rows) are added up in f32 lanes,
//! the runs in f64: the relative error of a sum of squares stays near 1e-7 whatever its length.

use crate::allocation::{OutOfMemory, scratch};
use crate::simd::{F32x4, LANES};

/// Elements per f32 run: 16 lanes of 64 additions.
const RUN: usize = 1024;
/// Rows per f32 run of a column sum.
pub const RUN_ROWS: usize = 64;

/// Sum of f(x), f on four lanes with f(0) = 0.
#[inline(always)]
pub fn sum_by(x: &[f32], f: impl Fn(F32x4) -> F32x4) -> f64 {
    x.chunks(RUN).map(|run| f64::from(run_sum(run, &f))).sum()
}

#[inline(always)]
fn run_sum(run: &[f32], f: &impl Fn(F32x4) -> F32x4) -> f32 {
    let zero = F32x4::splat(0.0);
    let mut lanes = [zero; 4];
    let fours = run.len() / (4 * LANES) * (4 * LANES);
    for at in (0..fours).step_by(4 * LANES) {
        for (i, sum) in lanes.iter_mut().enumerate() {
            // SAFETY: at + 16 <= fours <= run.len().
            *sum += f(unsafe { F32x4::load(run, at + i * LANES) });
        }
    }
    for rest in run[fours..].chunks(LANES) {
        lanes[0] += f(F32x4::load_partial(rest, 0.0));
    }
    ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])).sum()
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
    for rows in x.chunks(RUN_ROWS * cols) {
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
