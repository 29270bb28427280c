//! Dropout by counter: an element's fate follows from the seed and its index alone, so that it is the same on every device,
//! on every rank and in every recomputation.

use crate::simd::bits::Words;

/// The elements as rows of `cols` that begin `row_length` apart, the first at the index `first`; indices wrap around.
pub struct Indices {
    pub first: u32,
    pub cols: usize,
    pub row_length: u32,
}

/// What is 0 by chance.
#[derive(Clone, Copy)]
pub struct Dropping {
    pub seed: [u32; 2],
    /// Of random words, the first that is kept.
    pub threshold: u32,
    /// What is kept is multiplied by it.
    pub scale: f32,
}

/// out = scale x where hash(index) >= threshold, else 0
pub fn dropout(x: &[f32], indices: &Indices, dropping: Dropping, out: &mut [f32]) {
    let &Indices { first, cols, row_length } = indices;
    let Dropping { seed, threshold, scale } = dropping;
    for (row, (out, x)) in out.chunks_mut(cols).zip(x.chunks(cols)).enumerate() {
        let first = first.wrapping_add((row as u32).wrapping_mul(row_length));
        for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
            let random = mix(mix(first.wrapping_add(i as u32) ^ seed[0]) ^ seed[1]);
            *out = if random >= threshold { scale * x } else { 0.0 };
        }
    }
}

/// Every bit of the result depends on every bit of x (lowbias32, Chris Wellons 2018).
pub fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// `mix` of four words.
#[inline(always)]
pub fn mix_words(x: Words) -> Words {
    let x = x.xor(x.down::<16>()).times(Words::splat(0x7feb_352d));
    let x = x.xor(x.down::<15>()).times(Words::splat(0x846c_a68b));
    x.xor(x.down::<16>())
}
