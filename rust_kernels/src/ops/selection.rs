//! The largest elements of rows, and elements of rows by index.

/// indices[r, j] = the column of the j-th largest element of row r, of equal ones the lowest first.
///
/// Looks for the largest element that comes after the one before, so that it needs no memory: rows are short, and j few.
pub fn top_k(x: &[f32], cols: usize, count: usize, indices: &mut [u32]) {
    if count == 0 {
        return;
    }
    for (x, indices) in x.chunks_exact(cols).zip(indices.chunks_exact_mut(count)) {
        let mut previous: Option<(u32, usize)> = None;
        for index in indices {
            let mut best: Option<(u32, usize)> = None;
            for (column, &value) in x.iter().enumerate() {
                let order = order(value);
                let is_left = previous
                    .is_none_or(|(last, at)| order < last || (order == last && column > at));
                if is_left && best.is_none_or(|(largest, _)| order > largest) {
                    best = Some((order, column));
                }
            }
            *index = best.map_or(0, |(_, column)| column as u32);
            previous = best;
        }
    }
}

/// Integers in the order of the numbers: -0 is 0, and NaN the largest.
pub fn order(value: f32) -> u32 {
    if value.is_nan() {
        return u32::MAX;
    }
    let magnitude = value.abs().to_bits();
    if value < 0.0 { 0x8000_0000 - magnitude } else { 0x8000_0000 + magnitude }
}

/// out[r, j] = x[r, indices[r, j]]
pub fn gather_columns(x: &[f32], indices: &[u32], cols: usize, count: usize, out: &mut [f32]) {
    for (at, (out, &column)) in out.iter_mut().zip(indices).enumerate() {
        *out = x[at / count * cols + column as usize];
    }
}

/// dx[r, c] = sum of dy[r, j] over the j with indices[r, j] = c
pub fn gather_columns_backward(
    indices: &[u32],
    dy: &[f32],
    cols: usize,
    count: usize,
    dx: &mut [f32],
) {
    dx.fill(0.0);
    for (at, (dy, &column)) in dy.iter().zip(indices).enumerate() {
        dx[at / count * cols + column as usize] += dy;
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn top_k(x: In, indices: OutU32, rows: usize, cols: usize, count: usize) {
        super::top_k(read(x, rows * cols), cols, count, write_u32(indices, rows * count));
    }

    #[wasm_bindgen]
    pub fn gather_columns(x: In, indices: InU32, out: Out, rows: usize, cols: usize, count: usize) {
        let indices = read_indices("gather_columns", indices, rows * count, cols, 0);
        let out = write(out, rows * count);
        super::gather_columns(read(x, rows * cols), indices, cols, count, out);
    }

    #[wasm_bindgen]
    pub fn gather_columns_backward(
        indices: InU32,
        dy: In,
        dx: Out,
        rows: usize,
        cols: usize,
        count: usize,
    ) {
        let indices = read_indices("gather_columns_backward", indices, rows * count, cols, 0);
        let dx = write(dx, rows * cols);
        super::gather_columns_backward(indices, read(dy, rows * count), cols, count, dx);
    }
}
