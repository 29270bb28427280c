//! The bits of f32 lanes as integers, and eight 16-bit elements at a time: WASM's v128, and plain arrays where the crate is
//! tested natively, so that what is written with them is one text for both.

use crate::simd::lanes::F32x4;

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::*;

/// Elements of 16 bits in 128.
pub const HALF_LANES: usize = 8;

/// Constants for a loop, before which this is called. V8 builds a constant that it knows anew at every use, in four
/// instructions, which halves the speed of a loop full of them; these it does not know, and keeps in registers.
#[inline(always)]
pub fn kept<T: Copy>(constants: &'static T) -> T {
    *core::hint::black_box(constants)
}

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
    ($(#[$doc:meta])* $method:ident, $intrinsic:ident, $lane:expr) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $method<const BITS: u32>(self) -> Self {
            #[cfg(target_arch = "wasm32")]
            return Self($intrinsic(self.0, BITS));
            #[cfg(not(target_arch = "wasm32"))]
            return Self(self.0.map(|x| $lane(x, BITS)));
        }
    };
}

impl Default for Words {
    fn default() -> Self {
        Self::all(0)
    }
}

impl Words {
    #[inline(always)]
    pub fn splat(x: u32) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u32x4_splat(x));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([x; 4]);
    }
    /// As `splat`, when the crate is compiled.
    pub const fn all(x: u32) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u32x4(x, x, x, x));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([x; 4]);
    }
    pub const fn lanes([a, b, c, d]: [u32; 4]) -> Self {
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
    binary!(
        /// All ones where `self >= other`; else zeros.
        at_least, u32x4_ge, |a, b| if a >= b { u32::MAX } else { 0 }
    );
    shift!(down, u32x4_shr, |x, bits| x >> bits);
    /// The bits of `then` where `self` has ones, those of `otherwise` where it has zeros.
    #[inline(always)]
    pub fn select(self, then: Self, otherwise: Self) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(v128_bitselect(then.0, otherwise.0, self.0));
        #[cfg(not(target_arch = "wasm32"))]
        return self.and(then).or(Self(self.0.map(|x| !x)).and(otherwise));
    }
    /// Whether any lane is all ones, where each is all ones or zeros.
    #[inline(always)]
    pub fn any(self) -> bool {
        // Half the instructions of v128_any_true.
        #[cfg(target_arch = "wasm32")]
        return i8x16_bitmask(self.0) != 0;
        #[cfg(not(target_arch = "wasm32"))]
        return self.0 != [0; 4];
    }
    /// The upper halves of these words and those.
    #[inline(always)]
    pub fn upper_halves(pair: [Self; 2]) -> Halves {
        Halves::of(pair.map(|words| words.down::<16>()))
    }
}

/// Eight halves of words.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
pub struct Halves(v128);

/// Eight halves of words.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
pub struct Halves([u16; HALF_LANES]);

impl Default for Halves {
    fn default() -> Self {
        Self::all(0)
    }
}

impl Halves {
    /// A number in all lanes, put there when the crate is compiled.
    pub const fn all(x: u16) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u16x8(x, x, x, x, x, x, x, x));
        #[cfg(not(target_arch = "wasm32"))]
        return Self([x; HALF_LANES]);
    }
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
        /// As `minus`, but 0 where that would be below.
        minus_or_zero, u16x8_sub_sat, u16::saturating_sub
    );
    binary!(and, v128_and, |a, b| a & b);
    binary!(or, v128_or, |a, b| a | b);
    binary!(xor, v128_xor, |a, b| a ^ b);
    binary!(
        /// All ones where `self == other`; else zeros.
        equals, i16x8_eq, |a, b| if a == b { u16::MAX } else { 0 }
    );
    binary!(
        /// All ones where `self > other`, both signed; else zeros.
        above, i16x8_gt, |a, b| if a as i16 > b as i16 { u16::MAX } else { 0 }
    );
    binary!(
        /// The larger of each pair of signed numbers.
        max, i16x8_max, |a, b| i16::max(a as i16, b as i16) as u16
    );
    shift!(up, i16x8_shl, |x, bits| x << bits);
    shift!(down, u16x8_shr, |x, bits| x >> bits);
    shift!(
        /// Signed numbers over 2^BITS, rounded down.
        down_signed, i16x8_shr, |x, bits| (x as i16 >> bits) as u16
    );
    /// The magnitudes of signed numbers.
    #[inline(always)]
    pub fn magnitude(self) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(i16x8_abs(self.0));
        #[cfg(not(target_arch = "wasm32"))]
        return Self(self.0.map(|x| (x as i16).unsigned_abs()));
    }
    /// The bits of `then` where `self` has ones, those of `otherwise` where it has zeros.
    #[inline(always)]
    pub fn select(self, then: Self, otherwise: Self) -> Self {
        then.xor(otherwise).and(self).xor(otherwise)
    }
    /// Words with `self` as their upper halves: the first four, and the next.
    #[inline(always)]
    pub fn above_low(self, low: Self) -> [Words; 2] {
        #[cfg(target_arch = "wasm32")]
        return [
            Words(i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(low.0, self.0)),
            Words(i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(low.0, self.0)),
        ];
        #[cfg(not(target_arch = "wasm32"))]
        return [0, 4].map(|skip| {
            let word = |i| u32::from(self.0[skip + i]) << 16 | u32::from(low.0[skip + i]);
            Words(core::array::from_fn(word))
        });
    }
    /// Whether any lane is all ones, where each is all ones or zeros.
    #[inline(always)]
    pub fn any(self) -> bool {
        // Half the instructions of v128_any_true.
        #[cfg(target_arch = "wasm32")]
        return i8x16_bitmask(self.0) != 0;
        #[cfg(not(target_arch = "wasm32"))]
        return self.0 != [0; HALF_LANES];
    }
    /// The lower halves of words below 2^16.
    #[inline(always)]
    pub fn of([low, high]: [Words; 2]) -> Self {
        #[cfg(target_arch = "wasm32")]
        return Self(u16x8_narrow_i32x4(low.0, high.0));
        #[cfg(not(target_arch = "wasm32"))]
        return Self(core::array::from_fn(|i| [low.0, high.0].concat()[i].try_into().unwrap()));
    }
    /// The lower halves of signed words, those beyond 16 bits held to what these can be.
    #[inline(always)]
    pub fn of_signed([low, high]: [Words; 2]) -> Self {
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
