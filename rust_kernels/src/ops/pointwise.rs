//! Pointwise kernels: out[i] = a formula of one element of each operand. The formulas, and with them the exports, are in
//! pointwise_formulas.rs, which is generated; here are the loops around them.

use crate::simd::f32x4::F32x4;
use crate::simd::groups::for_each_group;

/// Dims of the result of a kernel that broadcasts its operands.
pub const DIMS: usize = 6;

/// Elements of an operand that are one number again and again, of which a run is kept.
const RUN: usize = 256;

/// How operands are broadcast: the lengths of the result's dims, and for each operand a mask with bit d set if it has dim d.
pub struct Broadcast<const READS: usize> {
    pub dims: [usize; DIMS],
    pub masks: [u32; READS],
}

/// Mask of an operand that has all dims.
pub const WHOLE: u32 = (1 << DIMS) - 1;

impl<const READS: usize> Broadcast<READS> {
    /// Elements of the result.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Elements of operand `k`: none are read if the result has none.
    pub fn len_of(&self, k: usize) -> usize {
        if self.len() == 0 {
            return 0;
        }
        (0..DIMS).filter(|d| self.masks[k] >> d & 1 == 1).map(|d| self.dims[d]).product()
    }

    /// Calls `f` with runs of `out` and the elements of each operand that belong to them.
    #[inline(always)]
    pub fn for_each_run(
        &self,
        reads: [&[f32]; READS],
        out: &mut [f32],
        mut f: impl FnMut([&[f32]; READS], &mut [f32]),
    ) {
        let cols = self.dims[DIMS - 1];
        if self.len() == 0 {
            return;
        }
        let has_cols = self.masks.map(|mask| mask >> (DIMS - 1) & 1 == 1);
        let run = if has_cols.iter().all(|&has| has) { cols } else { RUN.min(cols) };
        let strides = self.strides();
        let mut repeated = [[0.0; RUN]; READS];
        let (mut row, mut begins) = ([0; DIMS - 1], [0; READS]);
        for out in out.chunks_exact_mut(cols) {
            for k in 0..READS {
                if !has_cols[k] {
                    repeated[k][..run].fill(reads[k][begins[k]]);
                }
            }
            for (i, out) in out.chunks_mut(run).enumerate() {
                let reads = core::array::from_fn(|k| {
                    let begin = begins[k] + i * run;
                    if has_cols[k] {
                        &reads[k][begin..begin + out.len()]
                    } else {
                        &repeated[k][..out.len()]
                    }
                });
                f(reads, out);
            }
            self.next_row(&mut row, &mut begins, &strides);
        }
    }

    /// The stride of every dim in each operand, 0 for dims that it lacks.
    fn strides(&self) -> [[usize; DIMS]; READS] {
        self.masks.map(|mask| {
            let mut strides = [0; DIMS];
            let mut stride = 1;
            for d in (0..DIMS).rev().filter(|d| mask >> d & 1 == 1) {
                strides[d] = stride;
                stride *= self.dims[d];
            }
            strides
        })
    }

    /// Moves on to the next row of the result: its index in each dim, and where it begins in each operand.
    fn next_row(
        &self,
        row: &mut [usize; DIMS - 1],
        begins: &mut [usize; READS],
        strides: &[[usize; DIMS]; READS],
    ) {
        for d in (0..DIMS - 1).rev() {
            row[d] += 1;
            let is_last = row[d] == self.dims[d];
            for (begin, strides) in begins.iter_mut().zip(strides) {
                *begin += strides[d];
                if is_last {
                    *begin -= self.dims[d] * strides[d];
                }
            }
            if !is_last {
                return;
            }
            row[d] = 0;
        }
    }
}

/// `f` of four elements at a time. One call of this in a kernel: its formula is inlined in each.
#[inline(always)]
pub fn compute<const READS: usize>(
    reads: [&[f32]; READS],
    out: &mut [f32],
    f: impl Fn([F32x4; READS]) -> F32x4,
) {
    for_each_group(reads, [out], |lanes, _, _| [f(lanes)]);
}

/// A kernel whose operands have one length.
macro_rules! flat {
    ($name:ident($($read:ident),+) -> $out:ident, [$($number:ident),*] $formula:block) => {
        #[wasm_bindgen]
        pub fn $name($($read: In,)+ $out: Out, length: usize, $($number: f32),*) {
            $(let $number = splat($number);)*
            let reads = [$(read($read, length)),+];
            crate::ops::pointwise::compute(reads, write($out, length), |[$($read),+]| $formula);
        }
    };
}

/// A kernel that broadcasts the operands which have a mask; those behind the semicolon have all dims.
macro_rules! spread {
    (
        $name:ident($($read:ident: $mask:ident),+ $(; $whole:ident)*) -> $out:ident,
        [$($number:ident),*] $formula:block
    ) => {
        #[wasm_bindgen]
        pub fn $name(
            $($read: In,)+
            $($whole: In,)*
            $out: Out,
            dim0: usize,
            dim1: usize,
            dim2: usize,
            dim3: usize,
            dim4: usize,
            dim5: usize,
            $($mask: u32,)+
            $($number: f32),*
        ) {
            use crate::ops::pointwise::{Broadcast, compute};
            $(let $number = splat($number);)*
            let dims = [dim0, dim1, dim2, dim3, dim4, dim5];
            let pointers = [$($read,)+ $($whole),*];
            $(let $whole = crate::ops::pointwise::WHOLE;)*
            let shape = Broadcast { dims, masks: [$($mask,)+ $($whole),*] };
            let reads = core::array::from_fn(|k| read(pointers[k], shape.len_of(k)));
            shape.for_each_run(reads, write($out, shape.len()), |reads, out| {
                compute(reads, out, |[$($read,)+ $($whole),*]| $formula);
            });
        }
    };
}

pub(super) use {flat, spread};
