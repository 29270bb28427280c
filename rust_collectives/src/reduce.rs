//! out[i] = narrow(finish(tree of widen(term t [i]), t = 0..n))
//!
//! The terms are the leaves of a tree in the order given, split at the largest power of two below their number:
//!
//! ```text
//! n = 3: (0+1)+2       n = 4: (0+1)+(2+3)       n = 7: ((0+1)+(2+3)) + ((4+5)+6)
//! ```
//!
//! So a sum over 2^a ranks, each with the tree sum of its own 2^b parts, has the bits of the tree over all 2^(a+b) parts:
//! the sum does not depend on how powers of two of parts are distributed over ranks. And the rounding error grows with the
//! depth, log2 n, not with n.
//!
//! Four terms at a time are added in registers. If there are more, blocks of their partial sums are kept in the first-level
//! cache, like the bits of a binary counter: after group g as many pairs are added as g has trailing ones. The remaining
//! terms, fewer than four, are added as two and one. The lanes are independent, so the compiler turns the loops into
//! SIMD without changing a bit.

use crate::element::{self, ElementType, Reduction, Two};
use crate::half;
use std::ops::{Add, Range};

/// The function of a reduction.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub dtype: ElementType,
    pub reduction: Reduction,
    /// The divisor of a mean.
    pub ranks: u32,
}

/// The terms, each long enough for the whole, in words so that every element is aligned.
pub trait Terms<'a>: Iterator<Item = &'a [u64]> + Clone {}

impl<'a, I: Iterator<Item = &'a [u64]> + Clone> Terms<'a> for I {}

/// Words of scratch that `reduce` needs for so many terms.
pub fn scratch_words(terms: usize) -> usize {
    // A counter of the groups has so many bits; two terms and one may be left over.
    let groups = (terms / GROUP)
        .checked_ilog2()
        .map_or(0, |bits| bits as usize + 1);
    (groups + 2) * BLOCK
}

/// Reduces two or more terms into the first `bytes` of `out`.
pub fn reduce<'a>(
    kind: Kind,
    terms: impl Terms<'a>,
    (scratch, out, bytes): (&mut [u64], &mut [u64], usize),
) {
    let ranks = kind.ranks;
    let fold = Fold {
        terms,
        scratch,
        out,
        bytes,
    };
    match (kind.reduction, kind.dtype) {
        (Reduction::Sum, ElementType::F32) => fold.by(same::<f32>, |a, b| a + b, same),
        (Reduction::Sum, ElementType::F64) => fold.by(same::<f64>, |a, b| a + b, same),
        (Reduction::Sum, ElementType::I32 | ElementType::U32) => {
            fold.by(same, u32::wrapping_add, same)
        }
        (Reduction::Sum, ElementType::Bf16) => fold.by(widen_bf16, Add::add, narrow_bf16),
        (Reduction::Sum, ElementType::F16) => {
            let doublings = fold.terms.clone().count().next_power_of_two().ilog2();
            fold.sums_of_f16(1, 16_u32.saturating_sub(doublings), narrow_scaled);
        }
        (Reduction::Mean, ElementType::F32) => {
            fold.by(same::<f32>, |a, b| a + b, |sum| sum / ranks as f32);
        }
        (Reduction::Mean, ElementType::F64) => {
            fold.by(same::<f64>, |a, b| a + b, |sum| sum / f64::from(ranks));
        }
        (Reduction::Mean, ElementType::Bf16) => {
            let finish = |sum: Two| narrow_bf16(sum.map(|sum| sum / ranks as f32));
            fold.by(widen_bf16, Add::add, finish);
        }
        (Reduction::Mean, ElementType::F16) if ranks.is_power_of_two() && ranks <= MOST_HALVED => {
            let halvings = ranks.ilog2();
            fold.sums_of_f16(ranks, 16, |sum| narrow_scaled_and_halved(sum, halvings));
        }
        (Reduction::Mean, ElementType::F16) => {
            let divide = |sum: f32| half::scaled_to_f32(sum) / ranks as f32;
            fold.sums_of_f16(ranks, 16, |sum| {
                narrow_scaled_and_halved(sum.map(divide), 112)
            });
        }
        (Reduction::Mean, ElementType::I32 | ElementType::U32) => {
            panic!("the mean of integers is no integer")
        }
        (Reduction::Max, ElementType::I32) => fold.by(same, i32::max, same),
        (Reduction::Min, ElementType::I32) => fold.by(same, i32::min, same),
        (Reduction::Max, ElementType::U32) => fold.by(same, u32::max, same),
        (Reduction::Min, ElementType::U32) => fold.by(same, u32::min, same),
        (Reduction::Max, ElementType::F32) => fold.by(same, element::f32::max, same),
        (Reduction::Min, ElementType::F32) => fold.by(same, element::f32::min, same),
        (Reduction::Max, ElementType::F64) => fold.by(same, element::f64::max, same),
        (Reduction::Min, ElementType::F64) => fold.by(same, element::f64::min, same),
        (Reduction::Max, ElementType::F16) => fold.greatest(0x7c00),
        (Reduction::Min, ElementType::F16) => fold.least(0x7c00),
        (Reduction::Max, ElementType::Bf16) => fold.greatest(0x7f80),
        (Reduction::Min, ElementType::Bf16) => fold.least(0x7f80),
    }
}

/// The arguments of `reduce`.
struct Fold<'out, T> {
    terms: T,
    scratch: &'out mut [u64],
    out: &'out mut [u64],
    bytes: usize,
}

impl<'a, T: Terms<'a>> Fold<'_, T> {
    #[inline(never)]
    fn by<E: Copy + 'a, S: Copy>(
        self,
        widen: impl Fn(E) -> S + Copy,
        combine: impl Fn(S, S) -> S + Copy,
        narrow: impl Fn(S) -> E + Copy,
    ) {
        for (range, out) in blocks(self.out, self.bytes) {
            let terms = self.terms.clone().map(|term| elements(term, range.clone()));
            fold_block(terms, (self.scratch, out), (widen, combine, narrow));
        }
    }

    /// Where all terms of a block are less than 2^`limit`, their sums are made of scaled terms.
    #[inline(never)]
    fn sums_of_f16(self, divisor: u32, limit: u32, narrow: impl Fn(Two) -> u32 + Copy) {
        for (range, out) in blocks(self.out, self.bytes) {
            let terms = self.terms.clone().map(|term| elements(term, range.clone()));
            if terms.clone().all(|term| is_less_f16(term, limit)) {
                fold_block(terms, (self.scratch, out), (scale_f16, Add::add, narrow));
            } else {
                any_f16(terms, (self.scratch, out), divisor as f32);
            }
        }
    }

    #[inline(always)]
    fn greatest(self, infinity: u16) {
        let key = move |bits| element::key(bits, infinity, i16::MAX);
        self.by(key, Ord::max, element::from_key);
    }

    #[inline(always)]
    fn least(self, infinity: u16) {
        let key = move |bits| element::key(bits, infinity, i16::MIN);
        self.by(key, Ord::min, element::from_key);
    }
}

/// Folds terms as long as `out`.
#[inline(always)]
fn fold_block<'a, E: Copy + 'a, S: Copy>(
    mut terms: impl Iterator<Item = &'a [E]> + Clone,
    (scratch, out): (&mut [u64], &mut [E]),
    (widen, combine, narrow): (
        impl Fn(E) -> S + Copy,
        impl Fn(S, S) -> S + Copy,
        impl Fn(S) -> E + Copy,
    ),
) {
    let mut left = terms.clone().count();
    if left == 2 || left == GROUP {
        return fold_group(&mut terms, left, out, (widen, combine, narrow));
    }
    // Sums of whole subtrees, of falling size.
    let (mut depth, mut groups) = (0, 0_usize);
    while left > 0 {
        let count = match left {
            GROUP.. => GROUP,
            2 | 3 => 2,
            _ => 1,
        };
        let sums = block_mut(scratch, depth, out.len());
        fold_group(&mut terms, count, sums, (widen, combine, same));
        depth += 1;
        left -= count;
        let pairs = match left {
            0 => depth - 2,
            _ if count == GROUP => groups.trailing_ones() as usize,
            _ => 0,
        };
        groups += 1;
        for _ in 0..pairs {
            depth -= 1;
            let (left, right) = two_blocks_mut::<S>(scratch, depth - 1, out.len());
            for (left, right) in left.iter_mut().zip(right) {
                *left = combine(*left, *right);
            }
        }
    }
    let (left, right) = two_blocks_mut::<S>(scratch, 0, out.len());
    for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
        *out = narrow(combine(*left, *right));
    }
}

/// The tree of the next `count` terms, 1, 2 or 4.
#[inline(always)]
fn fold_group<'a, E: Copy + 'a, S: Copy, O>(
    terms: &mut impl Iterator<Item = &'a [E]>,
    count: usize,
    out: &mut [O],
    (widen, combine, finish): (
        impl Fn(E) -> S + Copy,
        impl Fn(S, S) -> S + Copy,
        impl Fn(S) -> O + Copy,
    ),
) {
    let mut next = || terms.next().expect("there are `count` terms");
    let pair = |a, b| combine(widen(a), widen(b));
    match count {
        1 => map([next()], out, |[a]| finish(widen(a))),
        2 => map([next(), next()], out, |[a, b]| finish(pair(a, b))),
        _ => map([next(), next(), next(), next()], out, |[a, b, c, d]| {
            finish(combine(pair(a, b), pair(c, d)))
        }),
    }
}

#[inline(always)]
fn map<E: Copy, O, const N: usize>(terms: [&[E]; N], out: &mut [O], f: impl Fn([E; N]) -> O) {
    let terms = terms.map(|term| &term[..out.len()]);
    for (i, out) in out.iter_mut().enumerate() {
        *out = f(std::array::from_fn(|term| terms[term][i]));
    }
}

/// Sums of f16 which may be infinite or NaN, divided.
#[inline(never)]
fn any_f16<'a>(
    terms: impl Iterator<Item = &'a [u32]> + Clone,
    memory: (&mut [u64], &mut [u32]),
    divisor: f32,
) {
    let narrow = |sum: Two| narrow_f16(sum.map(|sum| sum / divisor));
    fold_block(terms, memory, (widen_f16, Add::add, narrow));
}

/// True if the magnitudes of all are less than 2^`limit`, at most 2^16, which is where infinity begins.
fn is_less_f16(pairs: &[u32], limit: u32) -> bool {
    // SAFETY: two u16 fit in each u32, which is aligned for them.
    let halves =
        unsafe { std::slice::from_raw_parts(pairs.as_ptr().cast::<u16>(), 2 * pairs.len()) };
    let greatest = halves.iter().map(|bits| bits & 0x7fff).fold(0, u16::max);
    u32::from(greatest) < (limit + 15) << 10
}

#[inline(always)]
fn same<T>(value: T) -> T {
    value
}

#[inline(always)]
fn widen_bf16(pair: u32) -> Two {
    Two {
        low: half::bf16_to_f32(pair & 0xffff),
        high: half::bf16_to_f32(pair >> 16),
    }
}

#[inline(always)]
fn narrow_bf16(sum: Two) -> u32 {
    half::f32_to_bf16(sum.low) | half::f32_to_bf16(sum.high) << 16
}

#[inline(always)]
fn widen_f16(pair: u32) -> Two {
    Two {
        low: half::f16_to_f32(pair & 0xffff),
        high: half::f16_to_f32(pair >> 16),
    }
}

#[inline(always)]
fn narrow_f16(sum: Two) -> u32 {
    half::f32_to_f16(sum.low) | half::f32_to_f16(sum.high) << 16
}

#[inline(always)]
fn scale_f16(pair: u32) -> Two {
    Two {
        low: half::upper_f16_to_scaled(pair << 16),
        high: half::upper_f16_to_scaled(pair),
    }
}

#[inline(always)]
fn narrow_scaled(sum: Two) -> u32 {
    half::scaled_to_f16_pair(sum.low, sum.high)
}

#[inline(always)]
fn narrow_scaled_and_halved(sum: Two, halvings: u32) -> u32 {
    half::scaled_to_f16(sum.low, halvings) | half::scaled_to_f16(sum.high, halvings) << 16
}

/// Cuts the first `bytes` of `out` into blocks of elements; each comes with its place.
#[inline(always)]
fn blocks<'out, E: 'out>(
    out: &'out mut [u64],
    bytes: usize,
) -> impl Iterator<Item = (Range<usize>, &'out mut [E])> {
    // The last half of an odd number of 16-bit floats may be one of a pair, whose other half is not used.
    let length = bytes.div_ceil(size_of::<E>());
    let chunks = elements_mut(out, length).chunks_mut(BLOCK).enumerate();
    chunks.map(|(index, out)| {
        let begin = index * BLOCK;
        (begin..begin + out.len(), out)
    })
}

/// The sums of subtree number `index`.
fn block_mut<S>(scratch: &mut [u64], index: usize, length: usize) -> &mut [S] {
    elements_mut(&mut scratch[index * BLOCK..(index + 1) * BLOCK], length)
}

/// The sums of subtrees number `index` and `index + 1`.
fn two_blocks_mut<S>(scratch: &mut [u64], index: usize, length: usize) -> (&mut [S], &mut [S]) {
    let (left, right) = scratch[index * BLOCK..(index + 2) * BLOCK].split_at_mut(BLOCK);
    (elements_mut(left, length), elements_mut(right, length))
}

fn elements<E>(words: &[u64], range: Range<usize>) -> &[E] {
    assert!(range.start <= range.end && range.end * size_of::<E>() <= size_of_val(words));
    // SAFETY: the words hold the range, are aligned for its elements, and any bits are one.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<E>().add(range.start), range.len()) }
}

fn elements_mut<E>(words: &mut [u64], length: usize) -> &mut [E] {
    assert!(length * size_of::<E>() <= size_of_val(words));
    // SAFETY: as in `elements`; the exclusive borrow goes over to the result.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), length) }
}

/// Terms that pass through registers at a time: a power of two, so that each group but the last is a whole subtree.
const GROUP: usize = 4;

/// A finite f16 can be halved so often that its bits do not fall off the lower end of an f32.
const MOST_HALVED: u32 = 1 << 13;

/// Elements of a block; no sum is longer than a word.
const BLOCK: usize = 1024;
