//! Lanewise methods of `U32x4` and `U16x8`: by a WASM instruction, and by a loop over the array in native tests.

/// A method of two vectors: its name, the WASM instruction, and the same for one lane.
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

/// A shift by `BITS`: its name, the WASM instruction, and the same for one lane.
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

pub(super) use {binary, shift};
