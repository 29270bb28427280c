//! What the elements of a collective are, and how two of them become one.
//!
//! A reduction widens every term to its sum type, combines the terms in a given order, finishes (a mean divides by their
//! number) and narrows once. 16-bit floats are summed in f32, so the only rounding to 16 bits is the last.

use crate::half;

/// Element types, numbered as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    F32,
    F64,
    I32,
    U32,
    F16,
    Bf16,
}

impl Dtype {
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

/// An element in memory. Any bit pattern is a valid value, which is why bytes may be viewed as elements.
pub trait Element: Copy {
    type Sum: Number;
    fn widen(self) -> Self::Sum;
    fn narrow(sum: Self::Sum) -> Self;
}

/// What elements are summed in.
pub trait Number: Copy + Default {
    fn add(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn divide(self, terms: u32) -> Self;
}

/// Two half precision floats, as their bits: in words of 32 bits like the sums, so that no lane changes its width.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F16Pair(u32);

/// Two bf16, the upper halves of an f32 each, as their bits.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Bf16Pair(u32);

/// The sums of a pair.
#[derive(Clone, Copy, Default)]
pub struct Two {
    low: f32,
    high: f32,
}

impl Element for F16Pair {
    type Sum = Two;
    #[inline(always)]
    fn widen(self) -> Two {
        Two {
            low: half::f16_to_f32(self.0 & 0xffff),
            high: half::f16_to_f32(self.0 >> 16),
        }
    }
    #[inline(always)]
    fn narrow(sum: Two) -> Self {
        Self(half::f32_to_f16(sum.low) | half::f32_to_f16(sum.high) << 16)
    }
}

impl Element for Bf16Pair {
    type Sum = Two;
    #[inline(always)]
    fn widen(self) -> Two {
        Two {
            low: half::bf16_to_f32(self.0 & 0xffff),
            high: half::bf16_to_f32(self.0 >> 16),
        }
    }
    #[inline(always)]
    fn narrow(sum: Two) -> Self {
        Self(half::f32_to_bf16(sum.low) | half::f32_to_bf16(sum.high) << 16)
    }
}

impl Number for Two {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, Number::add)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.with(other, Number::max)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.with(other, Number::min)
    }
    #[inline(always)]
    fn divide(self, terms: u32) -> Self {
        Self {
            low: self.low.divide(terms),
            high: self.high.divide(terms),
        }
    }
}

impl Two {
    #[inline(always)]
    fn with(self, other: Self, combine: impl Fn(f32, f32) -> f32) -> Self {
        Self {
            low: combine(self.low, other.low),
            high: combine(self.high, other.high),
        }
    }
}

macro_rules! float {
    ($float:ty) => {
        impl Element for $float {
            type Sum = Self;
            #[inline(always)]
            fn widen(self) -> Self {
                self
            }
            #[inline(always)]
            fn narrow(sum: Self) -> Self {
                sum
            }
        }

        impl Number for $float {
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // Equal numbers differ in the sign of a zero at most.
                let equal = Self::from_bits(self.to_bits() & other.to_bits());
                let unequal = if self > other { self } else { other };
                ordered(self, other, if self == other { equal } else { unequal })
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                let equal = Self::from_bits(self.to_bits() | other.to_bits());
                let unequal = if self < other { self } else { other };
                ordered(self, other, if self == other { equal } else { unequal })
            }
            #[inline(always)]
            fn divide(self, terms: u32) -> Self {
                self / terms as Self
            }
        }
    };
}

macro_rules! integer {
    ($integer:ty) => {
        impl Element for $integer {
            type Sum = Self;
            #[inline(always)]
            fn widen(self) -> Self {
                self
            }
            #[inline(always)]
            fn narrow(sum: Self) -> Self {
                sum
            }
        }

        impl Number for $integer {
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                Ord::max(self, other)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                Ord::min(self, other)
            }
            fn divide(self, _terms: u32) -> Self {
                panic!("the mean of integers is no integer");
            }
        }
    };
}

float!(f32);
float!(f64);
integer!(i32);
integer!(u32);

/// `choice`, or NaN if one of the two is.
#[inline(always)]
fn ordered<T: PartialOrd + std::ops::Add<Output = T> + Copy>(a: T, b: T, choice: T) -> T {
    let has_nan = a.partial_cmp(&a).is_none() | b.partial_cmp(&b).is_none();
    if has_nan { a + b } else { choice }
}
