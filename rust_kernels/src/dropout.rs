//! Dropout by counter: an element's fate follows from the seed and its index alone, so that it is the same on every device,
//! on every rank and in every recomputation.

/// out = scale x where hash(index) >= threshold, else 0; the first element has the index `first`.
pub fn dropout(x: &[f32], seed: [u32; 2], first: u32, threshold: u32, scale: f32, out: &mut [f32]) {
    for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
        let random = mix(mix(first.wrapping_add(i as u32) ^ seed[0]) ^ seed[1]);
        *out = if random >= threshold { scale * x } else { 0.0 };
    }
}

/// Every bit of the result depends on every bit of x (lowbias32, Chris Wellons 2018).
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}
