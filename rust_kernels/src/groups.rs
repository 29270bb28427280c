//! Slices walked four elements at a time, with one check of their lengths.

use crate::simd::{F32x4, LANES};

/// Groups of four taken side by side.
pub const ABREAST: usize = 4;

/// Walks slices of one length four elements at a time: `f` gets the group's elements of all that is read and of all that
/// is written, and returns what to write. Beyond the end of the slices the lanes are 0 and not written.
///
/// `f` also gets a number below `ABREAST` that differs between neighbours: a sum for each number keeps additions from
/// waiting for each other.
#[inline(always)]
pub fn for_each_group<const READS: usize, const WRITES: usize>(
    reads: [&[f32]; READS],
    mut writes: [&mut [f32]; WRITES],
    mut f: impl FnMut([F32x4; READS], [F32x4; WRITES], usize) -> [F32x4; WRITES],
) {
    let len = reads.first().map_or_else(|| writes[0].len(), |read| read.len());
    assert!(reads.iter().all(|read| read.len() == len));
    assert!(writes.iter().all(|write| write.len() == len));
    let mut group = |at: usize, i: usize| {
        // SAFETY: the callers below see to at + 4 <= len, and every slice is that long.
        unsafe {
            let read = core::array::from_fn(|k| F32x4::load(reads[k], at));
            let old = core::array::from_fn(|k| F32x4::load(writes[k], at));
            let new = f(read, old, i);
            for (write, value) in writes.iter_mut().zip(new) {
                value.store(write, at);
            }
        }
    };
    const STEP: usize = ABREAST * LANES;
    let steps = len / STEP * STEP;
    for at in (0..steps).step_by(STEP) {
        for i in 0..ABREAST {
            group(at + i * LANES, i);
        }
    }
    let whole = len / LANES * LANES;
    for at in (steps..whole).step_by(LANES) {
        group(at, 0);
    }
    if whole < len {
        let read = reads.map(|read| F32x4::load_partial(&read[whole..]));
        let old = core::array::from_fn(|k| F32x4::load_partial(&writes[k][whole..]));
        for (write, value) in writes.iter_mut().zip(f(read, old, 0)) {
            write[whole..].copy_from_slice(&value.lanes()[..len - whole]);
        }
    }
}

/// The sum of all lanes of sums taken side by side.
#[inline(always)]
pub fn total([a, b, c, d]: [F32x4; ABREAST]) -> f32 {
    ((a + b) + (c + d)).sum()
}

/// `out[i] = f(x[i])`, four at a time. The slices have one length.
#[inline(always)]
pub fn map(x: &[f32], out: &mut [f32], f: impl Fn(F32x4) -> F32x4) {
    for_each_group([x], [out], |[x], _, _| [f(x)]);
}

/// `out[i] = f(x[i], y[i])`, four at a time. The slices have one length.
#[inline(always)]
pub fn zip(x: &[f32], y: &[f32], out: &mut [f32], f: impl Fn(F32x4, F32x4) -> F32x4) {
    for_each_group([x, y], [out], |[x, y], _, _| [f(x, y)]);
}
