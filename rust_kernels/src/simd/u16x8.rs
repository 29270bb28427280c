//! Eight u16 lanes: WASM's v128, or a plain array in native tests. A mask is a lane of all ones (true) or all zeros (false).

use crate::simd::lanewise::{binary, shift};
use crate::simd::u32x4::U32x4;

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::*;

/// Lanes of 16 bits in 128.
pub const HALF_LANES: usize = 8;

/// Eight u16 lanes.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
pub struct U16x8(v128);

/// Eight u16 lanes.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
pub struct U16x8([u16; HALF_LANES]);

impl Default for U16x8 {
    fn default() -> Self {
        Self::constant(0)
    }
}

impl U16x8 {
    /// `x` in all lanes, in a constant expression.
    pub const fn constant(x: u16) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u16x8(x, x, x, x, x, x, x, x));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([x; HALF_LANES]);
    }
    /// 0 in all lanes.
    #[inline(always)]
    pub fn zero() -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u16x8_splat(0));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([0; HALF_LANES]);
    }
    binary!(plus, i16x8_add, u16::wrapping_add);
    binary!(minus, i16x8_sub, u16::wrapping_sub);
    binary!(
        /// `self - other`, 0 where that would be negative.
        saturating_sub, u16x8_sub_sat, u16::saturating_sub
    );
    binary!(and, v128_and, |a, b| a & b);
    binary!(or, v128_or, |a, b| a | b);
    binary!(xor, v128_xor, |a, b| a ^ b);
    binary!(
        /// The mask of `self == other`.
        eq, i16x8_eq, |a, b| if a == b { u16::MAX } else { 0 }
    );
    binary!(
        /// The mask of `self > other`, both signed.
        gt, i16x8_gt, |a, b| if a as i16 > b as i16 { u16::MAX } else { 0 }
    );
    binary!(
        /// The larger of each pair of signed numbers.
        max, i16x8_max, |a, b| i16::max(a as i16, b as i16) as u16
    );
    shift!(shl, i16x8_shl, |x, bits| x << bits);
    shift!(shr, u16x8_shr, |x, bits| x >> bits);
    shift!(
        /// Arithmetic shift of signed numbers: over 2^BITS, rounded down.
        shr_signed, i16x8_shr, |x, bits| (x as i16 >> bits) as u16
    );
    /// The absolute values of signed numbers.
    #[inline(always)]
    pub fn abs(self) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(i16x8_abs(self.0));
        #[cfg(not(target_arch = "wasm32"))]
        return Self(self.0.map(|x| (x as i16).unsigned_abs()));
    }
    /// `then` where this mask is true, else `otherwise`; bit by bit.
    #[inline(always)]
    pub fn select(self, then: Self, otherwise: Self) -> Self {
        then.xor(otherwise).and(self).xor(otherwise)
    }
    /// `self << 16 | low` of each lane: the first four, then the last four.
    #[inline(always)]
    pub fn as_upper_halves(self, low: Self) -> [U32x4; 2] {
        #[cfg(target_arch = "wasm32")]
        return [
            U32x4(i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(low.0, self.0)),
            U32x4(i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(low.0, self.0)),
        ];
        #[cfg(not(target_arch = "wasm32"))]
        return [0, 4].map(|skip| {
            let word = |i| u32::from(self.0[skip + i]) << 16 | u32::from(low.0[skip + i]);
            U32x4(core::array::from_fn(word))
        });
    }
    /// Whether this mask is true in any lane.
    #[inline(always)]
    pub fn any(self) -> bool {
        // Half the instructions of v128_any_true.
        #[cfg(target_arch = "wasm32")]
        return i8x16_bitmask(self.0) != 0;
        #[cfg(not(target_arch = "wasm32"))]
        return self.0 != [0; HALF_LANES];
    }
    /// `word >> 16` of eight words.
    #[inline(always)]
    pub fn upper_halves(words: [U32x4; 2]) -> Self {
        Self::narrow(words.map(|words| words.shr::<16>()))
    }
    /// Eight words below 2^16 as 16 bits each.
    #[inline(always)]
    pub fn narrow([low, high]: [U32x4; 2]) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u16x8_narrow_i32x4(low.0, high.0));
        #[cfg(not(target_arch = "wasm32"))]
        return Self(core::array::from_fn(|i| [low.0, high.0].concat()[i].try_into().unwrap()));
    }
    /// Eight signed words as 16 bits each, saturating.
    #[inline(always)]
    pub fn narrow_signed([low, high]: [U32x4; 2]) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(i16x8_narrow_i32x4(low.0, high.0));
        #[cfg(not(target_arch = "wasm32"))]
        return Self(core::array::from_fn(|i| {
            let word = [low.0, high.0].concat()[i] as i32;
            word.clamp(i16::MIN.into(), i16::MAX.into()) as u16
        }));
    }
    /// Loads `slice[at..at + 8]`.
    ///
    /// # Safety
    /// `at + 8 <= slice.len()`.
    #[inline(always)]
    pub unsafe fn load(slice: &[u16], at: usize) -> Self {
        debug_assert!(at + HALF_LANES <= slice.len());
        #[cfg(target_arch = "wasm32")]
        return Self(unsafe { v128_load(slice.as_ptr().add(at).cast()) });
        #[cfg(not(target_arch = "wasm32"))]
        return Self(core::array::from_fn(|i| slice[at + i]));
    }
    /// Stores to `slice[at..at + 8]`.
    ///
    /// # Safety
    /// `at + 8 <= slice.len()`.
    #[inline(always)]
    pub unsafe fn store(self, slice: &mut [u16], at: usize) {
        debug_assert!(at + HALF_LANES <= slice.len());
        #[cfg(target_arch = "wasm32")]
        unsafe {
            v128_store(slice.as_mut_ptr().add(at).cast(), self.0)
        }
        #[cfg(not(target_arch = "wasm32"))]
        slice[at..at + HALF_LANES].copy_from_slice(&self.0);
    }
}
