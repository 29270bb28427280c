//! The bits of f32 lanes as integers, and eight 16-bit elements at a time: WASM's v128, and plain arrays where the crate is
//! tested natively, so that what is written with them is one text for both.

use crate::simd::F32x4;

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::*;

/// Elements of 16 bits in 128.
pub const HALF_LANES: usize = 8;

/// Four words of 32 bits.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
pub struct Words(v128);

/// Four words of 32 bits.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
pub struct Words([u32; 4]);

/// A method of two `Words`: its name, the WASM instruction, and the same of one lane.
macro_rules! binary {
    ($(#[$doc:meta])* $method:ident, $intrinsic:ident, $lane:expr) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $method(self, other: Self) -> Self {
            #[cfg(target_arch = "wasm32")]
            return Self($intrinsic(self.0, other.0));
            #[cfg(not(target_arch = "wasm32"))]
            return Self(core::array::from_fn(|i| $lane(self.0[i], other.0[i])));
        }
    };
}

/// A shift by `BITS`: its name, the WASM instruction, and the same of one lane.
macro_rules! shift {
    ($method:ident, $intrinsic:ident, $lane:expr) => {
        #[inline(always)]
        pub fn $method<const BITS: u32>(self) -> Self {
            #[cfg(target_arch = "wasm32")]
            return Self($intrinsic(self.0, BITS));
            #[cfg(not(target_arch = "wasm32"))]
            return Self(self.0.map(|x| $lane(x, BITS)));
        }
    };
}

impl Words {
    #[inline(always)]
    pub fn splat(x: u32) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u32x4_splat(x));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([x; 4]);
    }
    #[inline(always)]
    pub fn from_lanes([a, b, c, d]: [u32; 4]) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u32x4(a, b, c, d));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([a, b, c, d]);
    }
    #[inline(always)]
    pub fn of(x: F32x4) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(x.0);
        #[cfg(not(target_arch = "wasm32"))]
        return Self(x.0.map(f32::to_bits));
    }
    #[inline(always)]
    pub fn as_f32(self) -> F32x4 {
        #[cfg(target_arch = "wasm32")]
        return F32x4(self.0);
        #[cfg(not(target_arch = "wasm32"))]
        return F32x4(self.0.map(f32::from_bits));
    }
    binary!(plus, i32x4_add, u32::wrapping_add);
    binary!(minus, i32x4_sub, u32::wrapping_sub);
    binary!(and, v128_and, |a, b| a & b);
    binary!(or, v128_or, |a, b| a | b);
    binary!(times, i32x4_mul, u32::wrapping_mul);
    binary!(xor, v128_xor, |a, b| a ^ b);
    binary!(
        /// The smaller of each pair of numbers below 2^31.
        min, i32x4_min, u32::min
    );
    binary!(
        /// The larger of each pair of numbers below 2^31.
        max, i32x4_max, u32::max
    );
    binary!(
        /// All ones where `self > other`, both below 2^31; else zeros.
        above, i32x4_gt, |a, b| if a > b { u32::MAX } else { 0 }
    );
    shift!(up, i32x4_shl, |x, bits| x << bits);
    shift!(down, u32x4_shr, |x, bits| x >> bits);
    /// The bits of `then` where `self` has ones, those of `otherwise` where it has zeros.
    #[inline(always)]
    pub fn select(self, then: Self, otherwise: Self) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(v128_bitselect(then.0, otherwise.0, self.0));
        #[cfg(not(target_arch = "wasm32"))]
        return self.and(then).or(Self(self.0.map(|x| !x)).and(otherwise));
    }
    /// Whether any bit is set.
    #[inline(always)]
    pub fn any(self) -> bool {
        #[cfg(target_arch = "wasm32")]
        return v128_any_true(self.0);
        #[cfg(not(target_arch = "wasm32"))]
        return self.0 != [0; 4];
    }
    /// `self` shifted down by 3 bits as a signed number.
    #[inline(always)]
    pub fn signed_down_3(self) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(i32x4_shr(self.0, 3));
        #[cfg(not(target_arch = "wasm32"))]
        return Self(self.0.map(|x| ((x as i32) >> 3) as u32));
    }
    /// Loads `slice[at..at + 8]`, the first four and the next.
    ///
    /// # Safety
    /// `at + 8 <= slice.len()`.
    #[inline(always)]
    pub unsafe fn load_halves(slice: &[u16], at: usize) -> [Self; 2] {
        debug_assert!(at + HALF_LANES <= slice.len());
        #[cfg(target_arch = "wasm32")]
        {
            let halves = unsafe { v128_load(slice.as_ptr().add(at).cast()) };
            [Self(u32x4_extend_low_u16x8(halves)), Self(u32x4_extend_high_u16x8(halves))]
        }
        #[cfg(not(target_arch = "wasm32"))]
        [0, 4].map(|skip| Self(core::array::from_fn(|i| slice[at + skip + i].into())))
    }
    /// Stores words below 2^16 to `slice[at..at + 8]`.
    ///
    /// # Safety
    /// `at + 8 <= slice.len()`.
    #[inline(always)]
    pub unsafe fn store_halves([low, high]: [Self; 2], slice: &mut [u16], at: usize) {
        debug_assert!(at + HALF_LANES <= slice.len());
        #[cfg(target_arch = "wasm32")]
        unsafe {
            v128_store(slice.as_mut_ptr().add(at).cast(), u16x8_narrow_i32x4(low.0, high.0))
        }
        #[cfg(not(target_arch = "wasm32"))]
        for (i, word) in low.0.into_iter().chain(high.0).enumerate() {
            slice[at + i] = word.try_into().unwrap();
        }
    }
}
