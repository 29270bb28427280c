//! Permutation of dims: out[i0, i1, i2, i3] = x[i0 s0 + i1 s1 + i2 s2 + i3 s3].

/// The dims of the result, and their strides in x.
pub struct Order {
    pub dims: [usize; 4],
    pub strides: [usize; 4],
}

/// Writes `out` in order.
pub fn permute(x: &[f32], order: &Order, out: &mut [f32]) {
    let Order { dims: [d0, d1, d2, d3], strides: [s0, s1, s2, s3] } = *order;
    if d3 == 0 {
        return;
    }
    let mut rows = out.chunks_exact_mut(d3);
    for i0 in 0..d0 {
        for i1 in 0..d1 {
            for i2 in 0..d2 {
                let first = i0 * s0 + i1 * s1 + i2 * s2;
                let row = rows.next().expect("the host checked the result's length");
                if s3 == 1 {
                    row.copy_from_slice(&x[first..first + d3]);
                } else {
                    for (i3, out) in row.iter_mut().enumerate() {
                        *out = x[first + i3 * s3];
                    }
                }
            }
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::Order;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn permute(
        x: In,
        out: Out,
        dim0: usize,
        dim1: usize,
        dim2: usize,
        dim3: usize,
        stride0: usize,
        stride1: usize,
        stride2: usize,
        stride3: usize,
    ) {
        let dims = [dim0, dim1, dim2, dim3];
        let length = dims.iter().product();
        let strides = [stride0, stride1, stride2, stride3];
        super::permute(read(x, length), &Order { dims, strides }, write(out, length));
    }
}
