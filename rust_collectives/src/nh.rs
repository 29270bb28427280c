//! NH, the first layer of UMAC (RFC 4418, section 5.2.2): compresses a block of up to 1024 bytes with a key of its length.
//!
//! ```text
//! NH(k, m) = sum over units of 32 bytes, words of 32 bits little-endian:  (m[i] + k[i]) * (m[i + 4] + k[i + 4])   i = 0..4
//! ```
//!
//! Words are added modulo 2^32, products modulo 2^64. For a random key, two different blocks of one length give the same
//! value, or any chosen difference, with probability at most 2^-32. A second pass, with the key shifted by 16 bytes,
//! makes it 2^-64 (Black, Halevi, Krawczyk, Krovetz and Rogaway: UMAC, CRYPTO 1999, theorem 2 and its Toeplitz form).

/// Bytes of a block.
pub const BLOCK: usize = 1024;
/// Bytes of a unit; a shorter rest of a block is padded with zeros.
pub const UNIT: usize = 32;
/// Passes over the data, each with a key that begins one half unit later.
pub const PASSES: usize = 2;
/// Bytes of the key of all passes.
pub const KEY: usize = BLOCK + (PASSES - 1) * UNIT / 2;

/// The sums of all passes over the units of a block so far.
pub type Sums = [u64; PASSES];

/// `sums` with the products of `units`, the first of which begins at byte `at` of its block.
#[cfg(target_arch = "wasm32")]
pub fn add(sums: Sums, units: &[[u8; UNIT]], key: &[u8; KEY], at: usize) -> Sums {
    use core::arch::wasm32::{
        i32x4_add, i64x2_add, u64x2, u64x2_extmul_high_u32x4, u64x2_extmul_low_u32x4,
        u64x2_extract_lane, v128, v128_load,
    };
    assert!(at.is_multiple_of(UNIT) && at + units.len() * UNIT <= BLOCK);
    // SAFETY: `half` is called with places within the units, and with ones up to KEY - 16 of the key; a load needs no alignment.
    let half =
        |bytes: *const u8, place: usize| unsafe { v128_load(bytes.add(place).cast::<v128>()) };
    let key = key[at..].as_ptr();
    let mut totals = sums.map(|sum| u64x2(sum, 0));
    for (index, unit) in units.iter().enumerate() {
        let (low, high) = (half(unit.as_ptr(), 0), half(unit.as_ptr(), UNIT / 2));
        let keys: [v128; PASSES + 1] =
            core::array::from_fn(|each| half(key, index * UNIT + each * UNIT / 2));
        for (pass, total) in totals.iter_mut().enumerate() {
            let a = i32x4_add(low, keys[pass]);
            let b = i32x4_add(high, keys[pass + 1]);
            *total = i64x2_add(*total, u64x2_extmul_low_u32x4(a, b));
            *total = i64x2_add(*total, u64x2_extmul_high_u32x4(a, b));
        }
    }
    totals.map(|total| u64x2_extract_lane::<0>(total).wrapping_add(u64x2_extract_lane::<1>(total)))
}

/// As on WebAssembly, a word at a time.
#[cfg(not(target_arch = "wasm32"))]
pub fn add(mut sums: Sums, units: &[[u8; UNIT]], key: &[u8; KEY], at: usize) -> Sums {
    assert!(at.is_multiple_of(UNIT) && at + units.len() * UNIT <= BLOCK);
    let word = |bytes: &[u8], i: usize| {
        u32::from_le_bytes(bytes[4 * i..][..4].try_into().expect("four bytes"))
    };
    for (index, unit) in units.iter().enumerate() {
        for (pass, sum) in sums.iter_mut().enumerate() {
            let key = &key[at + index * UNIT + pass * UNIT / 2..][..UNIT];
            let factor = |i| u64::from(word(unit, i).wrapping_add(word(key, i)));
            for i in 0..4 {
                *sum = sum.wrapping_add(factor(i).wrapping_mul(factor(i + 4)));
            }
        }
    }
    sums
}
