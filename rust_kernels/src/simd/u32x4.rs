//! Four u32 lanes, and the bits of f32 lanes: WASM's v128, or a plain array in native tests. Each method is written once for
//! both, so that code built on them is one text. A mask is a lane of all ones (true) or all zeros (false).

use crate::simd::f32x4::F32x4;
use crate::simd::lanewise::{binary, shift};

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::*;

/// Four u32 lanes.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
pub struct U32x4(pub(super) v128);

/// Four u32 lanes.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
pub struct U32x4(pub(super) [u32; 4]);

impl Default for U32x4 {
    fn default() -> Self {
        Self::constant(0)
    }
}

impl U32x4 {
    /// `x` in all lanes.
    #[inline(always)]
    pub fn splat(x: u32) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u32x4_splat(x));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([x; 4]);
    }
    /// As `splat`, in a constant expression.
    pub const fn constant(x: u32) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u32x4(x, x, x, x));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([x; 4]);
    }
    /// The four lanes given.
    pub const fn from_lanes([a, b, c, d]: [u32; 4]) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u32x4(a, b, c, d));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([a, b, c, d]);
    }
    /// The bits of f32 lanes.
    #[inline(always)]
    pub fn bits_of(x: F32x4) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(x.0);
        #[cfg(not(target_arch = "wasm32"))]
        return Self(x.0.map(f32::to_bits));
    }
    /// The f32 with these bits.
    #[inline(always)]
    pub fn as_f32(self) -> F32x4 {
        #[cfg(target_arch = "wasm32")]
        return F32x4(self.0);
        #[cfg(not(target_arch = "wasm32"))]
        return F32x4(self.0.map(f32::from_bits));
    }
    /// The mask of the lanes that are NaN.
    #[inline(always)]
    pub fn where_nan(x: F32x4) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(f32x4_ne(x.0, x.0));
        #[cfg(not(target_arch = "wasm32"))]
        return Self(x.0.map(|x| if x.is_nan() { u32::MAX } else { 0 }));
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
        /// The mask of `self > other`, both below 2^31.
        gt, i32x4_gt, |a, b| if a > b { u32::MAX } else { 0 }
    );
    binary!(
        /// The mask of `self >= other`.
        ge, u32x4_ge, |a, b| if a >= b { u32::MAX } else { 0 }
    );
    shift!(shr, u32x4_shr, |x, bits| x >> bits);
    /// `then` where this mask is true, else `otherwise`; bit by bit.
    #[inline(always)]
    pub fn select(self, then: Self, otherwise: Self) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(v128_bitselect(then.0, otherwise.0, self.0));
        #[cfg(not(target_arch = "wasm32"))]
        return self.and(then).or(Self(self.0.map(|x| !x)).and(otherwise));
    }
    /// Whether this mask is true in any lane.
    #[inline(always)]
    pub fn any(self) -> bool {
        // Half the instructions of v128_any_true.
        #[cfg(target_arch = "wasm32")]
        return i8x16_bitmask(self.0) != 0;
        #[cfg(not(target_arch = "wasm32"))]
        return self.0 != [0; 4];
    }
}
