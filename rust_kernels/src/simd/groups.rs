//! Loops over slices, four elements at a time, with one check of their lengths.

use crate::simd::f32x4::{F32x4, LANES};

/// Groups of four per step of a loop.
pub const ABREAST: usize = 4;

/// Loops over slices of one length, four elements at a time: `f` gets four elements of each slice that is read and of each
/// that is written, and returns what to write. Beyond the end of the slices the lanes are 0 and are not written.
///
/// `f` also gets the group's number within its step, below `ABREAST`: one sum per number keeps additions from waiting for
/// each other.
#[inline(always)]
pub fn for_each_group<const READS: usize, const WRITES: usize>(
    reads: [&[f32]; READS],
    mut writes: [&mut [f32]; WRITES],
    mut f: impl FnMut([F32x4; READS], [F32x4; WRITES], usize) -> [F32x4; WRITES],
) {
    let len = reads.first().map_or_else(|| writes[0].len(), |read| read.len());
    assert!(reads.iter().all(|read| read.len() == len));
    assert!(writes.iter().all(|write| write.len() == len));
    const STEP: usize = ABREAST * LANES;
    let steps = len / STEP * STEP;
    for at in (0..steps).step_by(STEP) {
        for i in 0..ABREAST {
            // SAFETY: at + 16 <= steps <= the length of every slice.
            unsafe { group(&reads, &mut writes, at + i * LANES, |read, old| f(read, old, i)) };
        }
    }
    let whole = len / LANES * LANES;
    for at in (steps..whole).step_by(LANES) {
        // SAFETY: at + 4 <= whole <= the length of every slice.
        unsafe { group(&reads, &mut writes, at, |read, old| f(read, old, 0)) };
    }
    if whole < len {
        let read = reads.map(|read| F32x4::load_partial(&read[whole..]));
        let old = core::array::from_fn(|k| F32x4::load_partial(&writes[k][whole..]));
        for (write, value) in writes.iter_mut().zip(f(read, old, 0)) {
            write[whole..].copy_from_slice(&value.lanes()[..len - whole]);
        }
    }
}

/// One group. A function, as a closure called from two places would not be inlined and would keep its sums in memory.
///
/// # Safety
/// Every slice has four elements from `at` on.
#[inline(always)]
unsafe fn group<const READS: usize, const WRITES: usize>(
    reads: &[&[f32]; READS],
    writes: &mut [&mut [f32]; WRITES],
    at: usize,
    f: impl FnOnce([F32x4; READS], [F32x4; WRITES]) -> [F32x4; WRITES],
) {
    // SAFETY: the caller's.
    unsafe {
        let read = core::array::from_fn(|k| F32x4::load(reads[k], at));
        let old = core::array::from_fn(|k| F32x4::load(writes[k], at));
        for (write, value) in writes.iter_mut().zip(f(read, old)) {
            value.store(write, at);
        }
    }
}

/// Loops over `ROWS` rows together, four columns at a time: `f` gets the number of the row, four elements of `column`, which
/// all rows share, and the row's four of each operand that is read and each that is written, and returns what to write. All
/// slices have the length of `column`; beyond their end the lanes are 0 and are not written.
///
/// All rows are loaded before any is stored: rows are often a multiple of 4096 bytes apart, and a load at such a distance
/// from a store waits for it (4K aliasing).
#[inline(always)]
pub fn for_each_column<const ROWS: usize, const READS: usize, const WRITES: usize>(
    column: &[f32],
    reads: [[&[f32]; ROWS]; READS],
    mut writes: [[&mut [f32]; ROWS]; WRITES],
    mut f: impl FnMut(usize, F32x4, [F32x4; READS], [F32x4; WRITES]) -> [F32x4; WRITES],
) {
    let len = column.len();
    assert!(reads.iter().flatten().all(|read| read.len() == len));
    assert!(writes.iter().flatten().all(|write| write.len() == len));
    let whole = len / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        // SAFETY: at + 4 <= whole <= the length of every slice.
        unsafe {
            let shared = F32x4::load(column, at);
            let read: [[F32x4; READS]; ROWS] = core::array::from_fn(|row| {
                core::array::from_fn(|k| F32x4::load(reads[k][row], at))
            });
            let old: [[F32x4; WRITES]; ROWS] = core::array::from_fn(|row| {
                core::array::from_fn(|k| F32x4::load(writes[k][row], at))
            });
            for row in 0..ROWS {
                let new = f(row, shared, read[row], old[row]);
                for (write, value) in writes.iter_mut().zip(new) {
                    value.store(write[row], at);
                }
            }
        }
    }
    if whole < len {
        let shared = F32x4::load_partial(&column[whole..]);
        for row in 0..ROWS {
            let read = reads.map(|rows| F32x4::load_partial(&rows[row][whole..]));
            let old = core::array::from_fn(|k| F32x4::load_partial(&writes[k][row][whole..]));
            for (write, value) in writes.iter_mut().zip(f(row, shared, read, old)) {
                write[row][whole..].copy_from_slice(&value.lanes()[..len - whole]);
            }
        }
    }
}

/// The sum of all lanes of all groups' sums.
#[inline(always)]
pub fn total([a, b, c, d]: [F32x4; ABREAST]) -> f32 {
    ((a + b) + (c + d)).sum()
}

/// `out[i] = f(x[i])`, four at a time. The slices have one length.
#[inline(always)]
pub fn map(x: &[f32], out: &mut [f32], f: impl Fn(F32x4) -> F32x4) {
    for_each_group([x], [out], |[x], _, _| [f(x)]);
}

/// The largest element, NaN if there is one.
pub fn largest(x: &[f32]) -> f32 {
    let mut lanes = F32x4::splat(f32::NEG_INFINITY);
    let whole = x.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        // SAFETY: at + 4 <= whole <= x.len().
        lanes = lanes.max(unsafe { F32x4::load(x, at) });
    }
    let max = |a: f32, b: f32| if a.is_nan() || a > b { a } else { b };
    lanes
        .lanes()
        .into_iter()
        .chain(x[whole..].iter().copied())
        .fold(f32::NEG_INFINITY, |a, b| max(b, a))
}
