//! A checksum over a stream of bytes, to verify that it was received as it was sent.
//!
//! The stream is words x of 16 bytes, the last padded with zeros; per half of a word, as 64 bits that wrap:
//!
//! ```text
//! a += x          A += a    =  sum of (n - i) x[i]            i = 0..n
//! b += x >> 32    B += b    =  sum of (n - i) (x[i] >> 32)
//! ```
//!
//! A and B are sent. They hold the weighted sums of the 32-bit quarters q of the words, as those of the lower ones are
//! A - 2^32 B. These are exact: another q changes its own by (n - i) times the difference, and two words that change
//! places by (j - i) times theirs, both less than 2^64 for up to 2^32 words. So it detects every flipped bit, all damage within 32
//! bits, and every swap of two different words (Fletcher's sums, which wrap, would miss some of these).

/// The sums of a stream so far, which may come in pieces of any lengths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum {
    sums: Sums,
    /// The bytes of a word that is not complete yet.
    rest: [u8; WORD],
    length: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    a: [u64; 2],
    b: [u64; 2],
    weighted_a: [u64; 2],
    weighted_b: [u64; 2],
}

impl Checksum {
    /// Adds the next bytes of the stream.
    pub fn add(&mut self, mut bytes: &[u8]) {
        if self.length > 0 {
            let missing = bytes.len().min(WORD - self.length);
            let (head, tail) = bytes.split_at(missing);
            self.rest[self.length..self.length + missing].copy_from_slice(head);
            self.length += missing;
            bytes = tail;
            if self.length < WORD {
                return;
            }
            self.sums = self.sums.with(&[self.rest]);
            self.length = 0;
        }
        let (words, rest) = bytes.as_chunks();
        self.sums = self.sums.with(words);
        self.rest[..rest.len()].copy_from_slice(rest);
        self.length = rest.len();
    }

    /// The checksum that is sent after the stream: A and B.
    pub fn finish(mut self) -> [u64; 4] {
        if self.length > 0 {
            self.rest[self.length..].fill(0);
            self.sums = self.sums.with(&[self.rest]);
        }
        let ([a, c], [b, d]) = (self.sums.weighted_a, self.sums.weighted_b);
        [a, c, b, d]
    }
}

impl Sums {
    /// Written with SIMD, as the compiler does not vectorize sums that depend on each other.
    #[cfg(target_arch = "wasm32")]
    fn with(self, words: &[[u8; WORD]]) -> Self {
        use core::arch::wasm32::{i64x2_add, u64x2, u64x2_extract_lane, u64x2_shr, v128_load};
        let simd = |[low, high]: [u64; 2]| u64x2(low, high);
        let (mut a, mut b) = (simd(self.a), simd(self.b));
        let (mut weighted_a, mut weighted_b) = (simd(self.weighted_a), simd(self.weighted_b));
        for word in words {
            // SAFETY: a word has the 16 bytes that are loaded, which needs no alignment.
            let x = unsafe { v128_load(word.as_ptr().cast()) };
            a = i64x2_add(a, x);
            b = i64x2_add(b, u64x2_shr(x, 32));
            weighted_a = i64x2_add(weighted_a, a);
            weighted_b = i64x2_add(weighted_b, b);
        }
        let [a, b, weighted_a, weighted_b] = [a, b, weighted_a, weighted_b].map(|lanes| {
            [
                u64x2_extract_lane::<0>(lanes),
                u64x2_extract_lane::<1>(lanes),
            ]
        });
        Self {
            a,
            b,
            weighted_a,
            weighted_b,
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn with(mut self, words: &[[u8; WORD]]) -> Self {
        for word in words {
            let x = u128::from_le_bytes(*word);
            let x = [x as u64, (x >> 64) as u64];
            self.a = add(self.a, x);
            self.b = add(self.b, x.map(|half| half >> 32));
            self.weighted_a = add(self.weighted_a, self.a);
            self.weighted_b = add(self.weighted_b, self.b);
        }
        self
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn add([a, b]: [u64; 2], [c, d]: [u64; 2]) -> [u64; 2] {
    [a.wrapping_add(c), b.wrapping_add(d)]
}

/// Bytes of a checksum on the wire.
pub const BYTES: usize = 32;
/// Bytes of a word.
const WORD: usize = 16;
