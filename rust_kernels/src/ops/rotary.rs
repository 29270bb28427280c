//! Rotary position embedding (Su et al. 2021): pairs of a head's features are rotated by an angle that grows with the
//! position.
//!
//! (a, b) -> (a cos - b sin, a sin + b cos); pairs are (i, i + R / 2), or (2 i, 2 i + 1) where interleaved, of the R features
//! from `begin` on; others are copied. The gradient is the rotation back (`sign` -1).

/// The positions of rows, and the features that are rotated.
pub struct Rotation {
    /// Rows of one position.
    pub heads: usize,
    /// Positions of a sequence; rows continue with the next sequence.
    pub positions: usize,
    /// Features of a head.
    pub dim: usize,
    /// The first feature that is rotated.
    pub begin: usize,
    /// R: features that are rotated.
    pub rotary_dim: usize,
    pub interleaved: bool,
    pub sign: f32,
}

/// Rotates rows of `dim` features; `cos` and `sin` are [positions, R / 2].
pub fn rotary(x: &[f32], cos: &[f32], sin: &[f32], rotation: &Rotation, out: &mut [f32]) {
    let &Rotation { heads, positions, dim, begin, rotary_dim, interleaved, sign } = rotation;
    if dim == 0 {
        return;
    }
    let half = rotary_dim / 2;
    for (row, (x, out)) in x.chunks_exact(dim).zip(out.chunks_exact_mut(dim)).enumerate() {
        out[..begin].copy_from_slice(&x[..begin]);
        out[begin + rotary_dim..].copy_from_slice(&x[begin + rotary_dim..]);
        let (x, out) = (&x[begin..], &mut out[begin..]);
        let position = row / heads % positions;
        let angles = position * half..(position + 1) * half;
        for (i, (&cos, &sin)) in cos[angles.clone()].iter().zip(&sin[angles]).enumerate() {
            let (a, b) = if interleaved { (2 * i, 2 * i + 1) } else { (i, i + half) };
            let sin = sign * sin;
            out[a] = x[a] * cos - x[b] * sin;
            out[b] = x[a] * sin + x[b] * cos;
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::Rotation;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn rotary(
        x: In,
        cos: In,
        sin: In,
        out: Out,
        rows: usize,
        heads: usize,
        positions: usize,
        dim: usize,
        rotary_begin: usize,
        rotary_dim: usize,
        interleaved: u32,
        sign: f32,
    ) {
        let angles = positions * (rotary_dim / 2);
        let interleaved = interleaved != 0;
        let begin = rotary_begin;
        let rotation = Rotation { heads, positions, dim, begin, rotary_dim, interleaved, sign };
        let (x, out) = (read(x, rows * dim), write(out, rows * dim));
        super::rotary(x, read(cos, angles), read(sin, angles), &rotation, out);
    }
}
