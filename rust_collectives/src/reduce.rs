//! Elementwise reductions of what landed into what lies here.

/// `into[i] += from[i]`. Independent lanes, so the compiler turns it into SIMD without changing a bit of the sums.
pub fn add(into: &mut [f32], from: &[f32]) {
    assert_eq!(into.len(), from.len());
    for (sum, term) in into.iter_mut().zip(from) {
        *sum += *term;
    }
}
