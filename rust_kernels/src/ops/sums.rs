//! Sums over the rows and over the columns of a matrix, in f32 runs that are added up in f64 (simd/sums.rs).

use crate::allocation::{OutOfMemory, scratch};
use crate::simd::sums::{RUN_ROWS, sum_by};

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

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn row_sums(x: In, out: Out, rows: usize, cols: usize, accumulate: u32) {
        super::row_sums(read(x, rows * cols), cols, accumulate != 0, write(out, rows));
    }

    #[wasm_bindgen]
    pub fn column_sums(x: In, out: Out, rows: usize, cols: usize, accumulate: u32) {
        or_throw(super::column_sums(read(x, rows * cols), accumulate != 0, write(out, cols)));
    }
}
