//! Stochastic rounding of f32 to 16 bits: up or down at random, so that the mean over all random bits is the number itself.
//!
//!   random bits   r = hash(index ^ key), index the low 32 bits of the element's index in the whole parameter
//!   bf16, f16     add r's low 16 (13) bits to the bits of the f32, and cut off as many: if a fraction x of a unit is cut off,
//!                 a share x of all r carries
//!   f16 < 2^-14   multiples of 2^-24: floor(2^24 |x|), plus one where 2^16 times the fraction is above r's low 16 bits
//!
//! A finite number never becomes infinite; a subnormal f32 counts as 0 for f16. The hash is Chris Wellons' "lowbias32".

use crate::simd::f32x4::F32x4;
use crate::simd::kept::kept;
use crate::simd::u16x8::U16x8;
use crate::simd::u32x4::U32x4;
use crate::storage::bf16::Bf16;
use crate::storage::f16::F16;
use crate::storage::half::{Format, Half};
use crate::storage::half_runs::round_all;

/// out[i] = x[i], rounded with the random bits of index `first` + i, and x[i] = out[i]. The slices have one length.
pub fn round_stochastic(to: Half, x: &mut [f32], (first, key): (u32, u32), out: &mut [u16]) {
    match to {
        Half::F16 => round_by::<F16>(x, (first, key), out),
        Half::Bf16 => round_by::<Bf16>(x, (first, key), out),
    }
}

/// A format with stochastic rounding.
pub trait Stochastic: Format {
    /// The constants that a loop needs.
    type Constants: Copy;
    /// Loads the constants: before a loop.
    fn constants() -> Self::Constants;
    /// Rounds the magnitudes of finite numbers.
    fn round_magnitudes(
        constants: Self::Constants,
        magnitudes: [U32x4; 2],
        random: [U32x4; 2],
    ) -> [U32x4; 2];
}

/// Of bf16.
#[derive(Clone, Copy)]
pub struct Bf16Constants {
    dropped_bits: U32x4,
    largest: U32x4,
}

const BF16_NUMBERS: Bf16Constants =
    Bf16Constants { dropped_bits: U32x4::constant(0xffff), largest: U32x4::constant(0x7f7f) };

impl Stochastic for Bf16 {
    type Constants = Bf16Constants;
    #[inline(always)]
    fn constants() -> Bf16Constants {
        kept(&BF16_NUMBERS)
    }
    #[inline(always)]
    fn round_magnitudes(
        constants: Bf16Constants,
        magnitudes: [U32x4; 2],
        random: [U32x4; 2],
    ) -> [U32x4; 2] {
        [0, 1].map(|i| {
            let random = random[i].and(constants.dropped_bits);
            magnitudes[i].plus(random).shr::<16>().min(constants.largest)
        })
    }
}

/// Of f16.
#[derive(Clone, Copy)]
pub struct F16Constants {
    dropped_bits: U32x4,
    rebias: U32x4,
    largest: U32x4,
    random_bits: U32x4,
    two_to_23: U32x4,
    largest_subnormal: U32x4,
    smallest_normal: U32x4,
    two_to_24: U32x4,
    two_to_16: U32x4,
    one: U32x4,
}

const F16_NUMBERS: F16Constants = F16Constants {
    dropped_bits: U32x4::constant(0x1fff),
    // The difference of the exponents' biases.
    rebias: U32x4::constant((127 - 15) << 23),
    largest: U32x4::constant(0x7bff),
    random_bits: U32x4::constant(0xffff),
    // As f32: the unit of its last bit is 1.
    two_to_23: U32x4::constant((127 + 23) << 23),
    // The largest subnormal f32.
    largest_subnormal: U32x4::constant(0x007f_ffff),
    // 2^-14, the smallest normal f16, as f32.
    smallest_normal: U32x4::constant((127 - 14) << 23),
    two_to_24: U32x4::constant((127 + 24) << 23),
    two_to_16: U32x4::constant((127 + 16) << 23),
    one: U32x4::constant(127 << 23),
};

impl Stochastic for F16 {
    type Constants = F16Constants;
    #[inline(always)]
    fn constants() -> F16Constants {
        kept(&F16_NUMBERS)
    }
    #[inline(always)]
    fn round_magnitudes(
        constants: F16Constants,
        magnitudes: [U32x4; 2],
        random: [U32x4; 2],
    ) -> [U32x4; 2] {
        let normal = [0, 1].map(|i| {
            let carried = magnitudes[i].plus(random[i].and(constants.dropped_bits));
            carried.minus(constants.rebias).shr::<13>().min(constants.largest)
        });
        let is_subnormal = magnitudes.map(|magnitude| constants.smallest_normal.gt(magnitude));
        if !is_subnormal[0].or(is_subnormal[1]).any() {
            return normal;
        }
        [0, 1].map(|i| {
            is_subnormal[i].select(constants.subnormal(magnitudes[i], random[i]), normal[i])
        })
    }
}

impl F16Constants {
    /// Rounds magnitudes below 2^-14.
    #[inline(always)]
    fn subnormal(self, magnitude: U32x4, random: U32x4) -> U32x4 {
        // Integers below 2^23 to f32 and back: as the fraction of 2^23.
        let magic = self.two_to_23;
        let random = random.and(self.random_bits).or(magic).as_f32() - magic.as_f32();
        let is_number = magnitude.gt(self.largest_subnormal);
        let scaled = magnitude.and(is_number).as_f32() * self.two_to_24.as_f32();
        let floor = scaled.floor();
        let threshold = (scaled - floor) * self.two_to_16.as_f32();
        let rounded = random.where_ge(threshold, floor, floor + self.one.as_f32());
        U32x4::bits_of(rounded + magic.as_f32()).minus(magic)
    }
}

/// Stochastic rounding to the format F, with the constants that a loop needs.
#[derive(Clone, Copy)]
pub struct RandomRounding<F: Stochastic> {
    constants: F::Constants,
    pub format: F,
    numbers: Numbers,
    key: U32x4,
}

#[derive(Clone, Copy)]
struct Numbers {
    lanes: [U32x4; 2],
    multipliers: [U32x4; 2],
    magnitude: U32x4,
    sign: U32x4,
    largest: U32x4,
}

const NUMBERS: Numbers = Numbers {
    lanes: [U32x4::from_lanes([0, 1, 2, 3]), U32x4::from_lanes([4, 5, 6, 7])],
    multipliers: [U32x4::constant(0x7feb_352d), U32x4::constant(0x846c_a68b)],
    magnitude: U32x4::constant(0x7fff_ffff),
    sign: U32x4::constant(0x8000),
    largest: U32x4::constant(0x7f7f_ffff),
};

impl<F: Stochastic> RandomRounding<F> {
    /// Loads the constants: before a loop.
    #[inline(always)]
    pub fn new(key: u32) -> Self {
        let (constants, format) = (F::constants(), F::new());
        Self { constants, format, numbers: kept(&NUMBERS), key: U32x4::splat(key) }
    }

    /// Rounds finite numbers, the first with the random bits of `index`.
    #[inline(always)]
    pub fn round_finite(self, x: [F32x4; 2], index: u32) -> U16x8 {
        let Numbers { lanes, magnitude, sign, .. } = self.numbers;
        let index = U32x4::splat(index);
        let random = lanes.map(|lanes| self.hash(index.plus(lanes).xor(self.key)));
        let magnitudes = x.map(|x| U32x4::bits_of(x).and(magnitude));
        let signs = x.map(|x| U32x4::bits_of(x).shr::<16>().and(sign));
        let rounded = F::round_magnitudes(self.constants, magnitudes, random);
        U16x8::narrow([0, 1].map(|i| rounded[i].or(signs[i])))
    }

    /// As `round_finite`, of any numbers.
    #[inline(always)]
    pub fn round(self, x: [F32x4; 2], index: u32) -> U16x8 {
        // Infinity and NaN are converted as they are.
        let unbounded = U16x8::upper_halves(x.map(|x| self.unbounded(x)));
        unbounded.select(self.format.narrow(x), self.round_finite(x, index))
    }

    /// The mask of the lanes that are infinite or NaN.
    #[inline(always)]
    pub fn unbounded(self, x: F32x4) -> U32x4 {
        U32x4::bits_of(x).and(self.numbers.magnitude).gt(self.numbers.largest)
    }

    #[inline(always)]
    fn hash(self, x: U32x4) -> U32x4 {
        let [first, second] = self.numbers.multipliers;
        let x = x.xor(x.shr::<16>()).times(first);
        let x = x.xor(x.shr::<15>()).times(second);
        x.xor(x.shr::<16>())
    }
}

fn round_by<F: Stochastic>(x: &mut [f32], (first, key): (u32, u32), out: &mut [u16]) {
    let rounding = RandomRounding::<F>::new(key);
    round_all::<F>(x, out, |x, at| rounding.round(x, first.wrapping_add(at as u32)));
}
