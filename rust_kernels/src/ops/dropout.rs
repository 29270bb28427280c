//! Dropout by counter: whether an element is kept follows from the seed and its index alone, so that it is the same on every
//! device, on every rank and in every recomputation.

use crate::simd::u32x4::U32x4;

/// The indices of elements in rows of `cols`: rows begin `row_length` apart, the first at `first`; indices wrap around.
pub struct Indices {
    pub first: u32,
    pub cols: usize,
    pub row_length: u32,
}

/// The elements that are kept.
#[derive(Clone, Copy)]
pub struct Dropout {
    pub seed: [u32; 2],
    /// Elements whose random word is at least this are kept.
    pub threshold: u32,
    /// The factor of those that are kept.
    pub scale: f32,
}

/// out = scale x where hash(index) >= threshold, else 0
pub fn dropout(x: &[f32], indices: &Indices, dropout: Dropout, out: &mut [f32]) {
    let &Indices { first, cols, row_length } = indices;
    let Dropout { seed, threshold, scale } = dropout;
    for (row, (out, x)) in out.chunks_mut(cols).zip(x.chunks(cols)).enumerate() {
        let first = first.wrapping_add((row as u32).wrapping_mul(row_length));
        for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
            let random = mix(mix(first.wrapping_add(i as u32) ^ seed[0]) ^ seed[1]);
            *out = if random >= threshold { scale * x } else { 0.0 };
        }
    }
}

/// A hash: every bit of the result depends on every bit of x (lowbias32, Chris Wellons 2018).
pub fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// `mix` of four words.
#[inline(always)]
pub fn mix_words(x: U32x4) -> U32x4 {
    let x = x.xor(x.shr::<16>()).times(U32x4::splat(0x7feb_352d));
    let x = x.xor(x.shr::<15>()).times(U32x4::splat(0x846c_a68b));
    x.xor(x.shr::<16>())
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn dropout(
        x: In,
        out: Out,
        length: usize,
        cols: usize,
        row_length: u32,
        seed_low: u32,
        seed_high: u32,
        first: u32,
        threshold: u32,
        scale: f32,
    ) {
        let indices = super::Indices { first, cols: cols.max(1), row_length };
        let dropout = super::Dropout { seed: [seed_low, seed_high], threshold, scale };
        super::dropout(read(x, length), &indices, dropout, write(out, length));
    }
}
