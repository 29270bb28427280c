//! Kernels that write a part of their result, or add to it.

/// out += factor * x
pub fn accumulate(x: &[f32], factor: f32, out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += factor * x;
    }
}

/// The place of a block's rows in a buffer: their distance, and the offset of the first.
pub struct Stripe {
    pub stride: usize,
    pub offset: usize,
}

impl Stripe {
    /// One past the last element of a block that is not empty.
    pub fn end(&self, rows: usize, cols: usize) -> usize {
        (rows - 1) * self.stride + self.offset + cols
    }
}

/// out[r, to.offset + c] = x[r, from.offset + c]
pub fn copy_block(x: &[f32], from: Stripe, out: &mut [f32], to: Stripe, rows: usize, cols: usize) {
    for r in 0..rows {
        let (source, target) = (r * from.stride + from.offset, r * to.stride + to.offset);
        out[target..target + cols].copy_from_slice(&x[source..source + cols]);
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::Stripe;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn accumulate(x: In, out: Out, length: usize, factor: f32) {
        super::accumulate(read(x, length), factor, write(out, length));
    }

    #[wasm_bindgen]
    pub fn fill(out: Out, offset: usize, length: usize, value: f32) {
        write_at(out, offset, length).fill(value);
    }

    #[wasm_bindgen]
    pub fn copy_block(
        x: In,
        out: Out,
        rows: usize,
        cols: usize,
        from_stride: usize,
        from_offset: usize,
        to_stride: usize,
        to_offset: usize,
    ) {
        if rows == 0 || cols == 0 {
            return;
        }
        let from = Stripe { stride: from_stride, offset: from_offset };
        let to = Stripe { stride: to_stride, offset: to_offset };
        let x = read(x, from.end(rows, cols));
        super::copy_block(x, from, write(out, to.end(rows, cols)), to, rows, cols);
    }
}
