//! out[i] = narrow(finish(combine(... combine(term 0 [i], term 1 [i]) ..., term n-1 [i]))), terms in the order given.
//!
//! Blocks of the sums stay in the first-level cache while all terms pass over them. The lanes are independent, so the
//! compiler turns the loops into SIMD without changing a bit.

use crate::element::{Bf16Pair, Dtype, Element, F16Pair, Number, Reduction};

/// What a reduction computes.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub dtype: Dtype,
    pub reduction: Reduction,
    /// What a mean divides by.
    pub ranks: u32,
}

/// Reduces `terms` (two or more) into `out`; all are `bytes` long, in words so that every element is aligned.
pub fn reduce<'a>(
    kind: Kind,
    terms: impl Iterator<Item = &'a [u64]> + Clone,
    (out, bytes): (&mut [u64], usize),
) {
    match kind.dtype {
        Dtype::F32 => by::<f32>(kind, terms, (out, bytes)),
        Dtype::F64 => by::<f64>(kind, terms, (out, bytes)),
        Dtype::I32 => by::<i32>(kind, terms, (out, bytes)),
        Dtype::U32 => by::<u32>(kind, terms, (out, bytes)),
        Dtype::F16 => by::<F16Pair>(kind, terms, (out, bytes)),
        Dtype::Bf16 => by::<Bf16Pair>(kind, terms, (out, bytes)),
    }
}

fn by<'a, E: Element>(
    kind: Kind,
    terms: impl Iterator<Item = &'a [u64]> + Clone,
    (out, bytes): (&mut [u64], usize),
) {
    // The last half of an odd number of 16-bit floats is one of a pair, whose other one nobody looks at.
    let length = bytes.div_ceil(size_of::<E>());
    let terms = terms.map(|term| elements::<E>(term, length));
    let out = elements_mut::<E>(out, length);
    match kind.reduction {
        Reduction::Sum => blocks(terms, out, (E::Sum::add, |sum| sum)),
        Reduction::Mean => blocks(
            terms,
            out,
            (E::Sum::add, |sum: E::Sum| sum.divide(kind.ranks)),
        ),
        Reduction::Max => blocks(terms, out, (E::Sum::max, |sum| sum)),
        Reduction::Min => blocks(terms, out, (E::Sum::min, |sum| sum)),
    }
}

#[inline(always)]
fn blocks<'a, E: Element + 'a>(
    mut terms: impl Iterator<Item = &'a [E]> + Clone,
    out: &mut [E],
    (combine, finish): (
        impl Fn(E::Sum, E::Sum) -> E::Sum + Copy,
        impl Fn(E::Sum) -> E::Sum + Copy,
    ),
) {
    let (first, second) = (
        terms.next().expect("a reduction has two terms"),
        terms.next().expect("a reduction has two terms"),
    );
    if terms.clone().next().is_none() {
        for ((out, a), b) in out.iter_mut().zip(first).zip(second) {
            *out = E::narrow(finish(combine(a.widen(), b.widen())));
        }
        return;
    }
    let mut sums = [E::Sum::default(); BLOCK];
    for (index, out) in out.chunks_mut(BLOCK).enumerate() {
        let begin = index * BLOCK;
        let range = begin..begin + out.len();
        let sums = &mut sums[..out.len()];
        for ((sum, a), b) in sums
            .iter_mut()
            .zip(&first[range.clone()])
            .zip(&second[range.clone()])
        {
            *sum = combine(a.widen(), b.widen());
        }
        for term in terms.clone() {
            for (sum, value) in sums.iter_mut().zip(&term[range.clone()]) {
                *sum = combine(*sum, value.widen());
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = E::narrow(finish(*sum));
        }
    }
}

fn elements<E: Element>(words: &[u64], length: usize) -> &[E] {
    assert!(length * size_of::<E>() <= size_of_val(words));
    // SAFETY: the words hold `length` elements, are aligned for each of them, and any bits are an element.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), length) }
}

fn elements_mut<E: Element>(words: &mut [u64], length: usize) -> &mut [E] {
    assert!(length * size_of::<E>() <= size_of_val(words));
    // SAFETY: as in `elements`; the exclusive borrow goes over to the result.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), length) }
}

/// Elements of a block: 8 KiB of f64 sums.
const BLOCK: usize = 1024;
