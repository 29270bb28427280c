//! Along the rows of a matrix: the largest or smallest element, running sums, and sorting by merging. -0 equals 0, and NaN is
//! beyond all numbers.

use crate::ops::selection::order;
use crate::simd::f32x4::{F32x4, LANES};

/// values[r] = the largest element of row r, or the smallest; indices[r] = its column, the first of equal ones.
pub fn row_extremes(
    x: &[f32],
    cols: usize,
    smallest: bool,
    values: &mut [f32],
    indices: &mut [u32],
) {
    let rows = x.chunks_exact(cols).zip(values).zip(indices);
    for ((x, value), index) in rows {
        let extreme = if smallest { -largest_of(x, -1.0) } else { largest_of(x, 1.0) };
        let found = if extreme.is_nan() {
            x.iter().position(|x| x.is_nan())
        } else {
            x.iter().position(|&x| x == extreme)
        };
        let at = found.unwrap_or(0);
        (*value, *index) = (x[at], at as u32);
    }
}

/// The largest of `sign` times each element; NaN if one is.
fn largest_of(x: &[f32], sign: f32) -> f32 {
    let signs = F32x4::splat(sign);
    let mut lanes = F32x4::splat(f32::NEG_INFINITY);
    let whole = x.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        // SAFETY: at + 4 <= whole <= x.len().
        lanes = lanes.max(signs * unsafe { F32x4::load(x, at) });
    }
    let rest = x[whole..].iter().map(|x| sign * x);
    let max = |a: f32, b: f32| if a.is_nan() || a > b { a } else { b };
    lanes.lanes().into_iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| max(b, a))
}

/// out[r, c] = sum of x[r, i] over i <= c, or over i >= c where `backwards`; summed in f64.
pub fn running_sums(x: &[f32], cols: usize, backwards: bool, out: &mut [f32]) {
    if cols == 0 {
        return;
    }
    for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        let mut sum = 0.0_f64;
        let mut add = |out: &mut f32, x: f32| {
            sum += f64::from(x);
            *out = sum as f32;
        };
        if backwards {
            out.iter_mut().zip(x).rev().for_each(|(out, &x)| add(out, x));
        } else {
            out.iter_mut().zip(x).for_each(|(out, &x)| add(out, x));
        }
    }
}

/// A pass of a merge sort: the columns of each run of `run` elements are in order, `out` gets runs of twice the length.
/// `sorted` is empty if columns are still in their own order.
pub fn merge_runs(
    x: &[f32],
    sorted: &[u32],
    cols: usize,
    run: usize,
    descending: bool,
    out: &mut [u32],
) {
    if cols == 0 {
        return;
    }
    for (row, (x, out)) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)).enumerate() {
        let column = |at: usize| {
            if sorted.is_empty() { at as u32 } else { sorted[row * cols + at] }
        };
        let key = |at: usize| {
            let order = order(x[column(at) as usize]);
            if descending { u32::MAX - order } else { order }
        };
        for (pair, out) in out.chunks_mut(2 * run).enumerate() {
            let begin = pair * 2 * run;
            let (middle, end) = (cols.min(begin + run), begin + out.len());
            let (mut left, mut right) = (begin, middle);
            for out in out {
                let takes_left = right == end || (left < middle && key(left) <= key(right));
                let next = if takes_left { &mut left } else { &mut right };
                *out = column(*next);
                *next += 1;
            }
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn row_extremes(
        x: In,
        values: Out,
        indices: OutU32,
        rows: usize,
        cols: usize,
        smallest: u32,
    ) {
        let (values, indices) = (write(values, rows), write_u32(indices, rows));
        super::row_extremes(read(x, rows * cols), cols, smallest != 0, values, indices);
    }

    #[wasm_bindgen]
    pub fn running_sums(x: In, out: Out, rows: usize, cols: usize, backwards: u32) {
        let out = write(out, rows * cols);
        super::running_sums(read(x, rows * cols), cols, backwards != 0, out);
    }

    #[wasm_bindgen]
    pub fn merge_runs(
        x: In,
        sorted: InU32,
        out: OutU32,
        rows: usize,
        cols: usize,
        run: usize,
        descending: u32,
    ) {
        let length = rows * cols;
        let count = if run == 1 { 0 } else { length };
        // A column beyond the row would be read.
        let sorted = read_indices("merge_runs", sorted, count, cols, 0);
        let out = write_u32(out, length);
        super::merge_runs(read(x, length), sorted, cols, run, descending != 0, out);
    }
}
