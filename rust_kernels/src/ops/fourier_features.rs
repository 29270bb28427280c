//! Sines and cosines of whole turns: out[r, c] = sin(2 pi x[r, c]), out[r, cols + c] = cos(2 pi x[r, c]), and their gradient.

use core::f64::consts::TAU;

/// out[r] = (sin 2 pi x[r], cos 2 pi x[r])
pub fn fourier_features(x: &[f32], cols: usize, out: &mut [f32]) {
    let cols = cols.max(1);
    for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(2 * cols)) {
        let (sines, cosines) = out.split_at_mut(cols);
        for ((x, sine), cosine) in x.iter().zip(sines).zip(cosines) {
            let turns = f64::from(*x);
            let (sin, cos) = (TAU * (turns - turns.round())).sin_cos();
            (*sine, *cosine) = (sin as f32, cos as f32);
        }
    }
}

/// dx[r] = 2 pi (dy's sines y's cosines - dy's cosines y's sines)
pub fn fourier_features_backward(y: &[f32], dy: &[f32], cols: usize, dx: &mut [f32]) {
    let cols = cols.max(1);
    let rows = y.chunks_exact(2 * cols).zip(dy.chunks_exact(2 * cols));
    for (dx, (y, dy)) in dx.chunks_exact_mut(cols).zip(rows) {
        for (c, dx) in dx.iter_mut().enumerate() {
            *dx = TAU as f32 * (dy[c] * y[cols + c] - dy[cols + c] * y[c]);
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn fourier_features(x: In, out: Out, rows: usize, cols: usize) {
        super::fourier_features(read(x, rows * cols), cols, write(out, 2 * rows * cols));
    }

    #[wasm_bindgen]
    pub fn fourier_features_backward(y: In, dy: In, dx: Out, rows: usize, cols: usize) {
        let (y, dy) = (read(y, 2 * rows * cols), read(dy, 2 * rows * cols));
        super::fourier_features_backward(y, dy, cols, write(dx, rows * cols));
    }
}
