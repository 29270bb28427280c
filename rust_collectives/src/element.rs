//! The element types of collectives, and how their elements are added and compared.
//!
//! 16-bit floats are summed in f32 and rounded once, two at a time: in words of 32 bits like their sums, so that no lane
//! of SIMD changes its width. Nothing is rounded in a maximum, so it is computed on integers that have the same order:
//!
//! ```text
//! key(bits) = bits, all but the sign inverted if that is set     -inf < ... < -0 < +0 < ... < +inf
//! ```

use std::ops::Add;

/// Element types, numbered as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    F32,
    F64,
    I32,
    U32,
    F16,
    Bf16,
}

impl ElementType {
    pub const ALL: [Self; 6] = [
        Self::F32,
        Self::F64,
        Self::I32,
        Self::U32,
        Self::F16,
        Self::Bf16,
    ];

    pub fn bytes(self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

/// Reductions, numbered as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Integers wrap at 2^32.
    Sum,
    /// The sum divided by the number of ranks; for floats only.
    Mean,
    /// A NaN among the terms makes the result NaN; -0 is less than +0.
    Max,
    /// A NaN among the terms makes the result NaN; -0 is less than +0.
    Min,
}

impl Reduction {
    pub const ALL: [Self; 4] = [Self::Sum, Self::Mean, Self::Max, Self::Min];
}

/// The sums of two elements that share a word.
#[derive(Clone, Copy)]
pub struct Two {
    pub low: f32,
    pub high: f32,
}

impl Add for Two {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            high: self.high + other.high,
        }
    }
}

impl Two {
    #[inline(always)]
    pub fn map(self, f: impl Fn(f32) -> f32) -> Self {
        Self {
            low: f(self.low),
            high: f(self.high),
        }
    }
}

/// The integer that stands for the bits of a 16-bit float; `nan` for a NaN of either sign.
#[inline(always)]
pub fn key(bits: u16, infinity: u16, nan: i16) -> i16 {
    if (bits & 0x7fff).cast_signed() > infinity.cast_signed() {
        nan
    } else {
        from_key(bits.cast_signed()).cast_signed()
    }
}

/// The bits of a key; those of the least and of the greatest are NaN.
#[inline(always)]
pub fn from_key(key: i16) -> u16 {
    let all_or_none = (key >> 15).cast_unsigned();
    key.cast_unsigned() ^ (all_or_none >> 1)
}

macro_rules! float {
    ($float:ident) => {
        /// As JavaScript compares them: of NaN and a number NaN, of zeros the positive one greater.
        pub mod $float {
            #[inline(always)]
            pub fn max(a: $float, b: $float) -> $float {
                // Equal numbers differ in the sign of a zero at most.
                let equal = $float::from_bits(a.to_bits() & b.to_bits());
                let unequal = if a > b { a } else { b };
                ordered(a, b, if a == b { equal } else { unequal })
            }

            #[inline(always)]
            pub fn min(a: $float, b: $float) -> $float {
                let equal = $float::from_bits(a.to_bits() | b.to_bits());
                let unequal = if a < b { a } else { b };
                ordered(a, b, if a == b { equal } else { unequal })
            }

            /// `choice`, or NaN if one of the two is.
            #[inline(always)]
            fn ordered(a: $float, b: $float, choice: $float) -> $float {
                if a.is_nan() | b.is_nan() {
                    a + b
                } else {
                    choice
                }
            }
        }
    };
}

float!(f32);
float!(f64);
