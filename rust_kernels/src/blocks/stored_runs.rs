//! Rows of a run as f32, so that the passes handle one type: elements stored as f32 are used in place; others are widened
//! into a buffer and, where the pass changes them, rounded back.

use crate::blocks::block_table::Block;
use crate::blocks::tiles::{RUN, Run};
use crate::storage::half_runs::{round_run, widen_run};
use crate::storage::stochastic::round_stochastic;
use crate::storage::stored::{Stored, StoredMut};

/// A buffer for one row of a run.
pub type Buffer = [f32; RUN];
/// Buffers for several rows.
pub type Buffers<const ROWS: usize> = [Buffer; ROWS];

/// New buffers.
pub const fn buffers<const ROWS: usize>() -> Buffers<ROWS> {
    [[0.0; RUN]; ROWS]
}

/// The run's `ROWS` rows.
#[inline(always)]
pub fn load_rows<'a, const ROWS: usize>(
    stored: Stored<'a>,
    run: &Run,
    buffers: &'a mut [Buffer],
) -> [&'a [f32]; ROWS] {
    match stored {
        Stored::F32(x) => core::array::from_fn(|row| &x[run.range(row)]),
        Stored::Half(format, x) => {
            for (row, buffer) in buffers[..ROWS].iter_mut().enumerate() {
                widen_run(format, &x[run.range(row)], &mut buffer[..run.len()]);
            }
            let buffers: &'a [Buffer] = buffers;
            core::array::from_fn(|row| &buffers[row][..run.len()])
        }
    }
}

/// The run's `ROWS` rows, to be changed; call `store_rows` afterwards.
#[inline(always)]
pub fn load_rows_mut<'a, const ROWS: usize>(
    stored: &'a mut StoredMut,
    run: &Run,
    buffers: &'a mut [Buffer],
) -> [&'a mut [f32]; ROWS] {
    match stored {
        StoredMut::F32(x) => {
            let all = &mut x[run.range(0).start..run.range(ROWS - 1).end];
            let mut rows = all.chunks_mut(run.stride());
            core::array::from_fn(|_| &mut rows.next().expect("ROWS rows")[..run.len()])
        }
        StoredMut::Half(format, x) => {
            let mut rows = buffers.iter_mut();
            core::array::from_fn(|row| {
                let buffer = &mut rows.next().expect("ROWS buffers")[..run.len()];
                widen_run(*format, &x[run.range(row)], buffer);
                buffer
            })
        }
    }
}

/// The rounding of 16-bit elements.
pub enum Rounding<'a> {
    /// Ties to even.
    ToNearest,
    /// Up or down, by the hash of the key and of the element's index in the whole parameter.
    Stochastic { key: u32, block: &'a Block },
}

/// Stores rows from `load_rows_mut`, rounded where elements have 16 bits; returns them as rounded, None for f32.
#[inline(always)]
pub fn store_rows<'a, const ROWS: usize>(
    stored: &mut StoredMut,
    run: &Run,
    buffers: &'a mut [Buffer],
    rounding: &Rounding,
) -> Option<[&'a [f32]; ROWS]> {
    let StoredMut::Half(format, x) = stored else { return None };
    for (row, buffer) in buffers[..ROWS].iter_mut().enumerate() {
        let (values, out) = (&mut buffer[..run.len()], &mut x[run.range(row)]);
        match *rounding {
            Rounding::ToNearest => round_run(*format, values, out),
            Rounding::Stochastic { key, block } => {
                let row = block.global_row(run.b, run.i(row));
                let mut at = 0;
                while at < run.len() {
                    let (col, following) = block.global_col(run.cols.start + at);
                    let end = run.len().min(at + following);
                    let first = row.wrapping_add(col);
                    round_stochastic(
                        *format,
                        &mut values[at..end],
                        (first, key),
                        &mut out[at..end],
                    );
                    at = end;
                }
            }
        }
    }
    let buffers: &'a [Buffer] = buffers;
    Some(core::array::from_fn(|row| &buffers[row][..run.len()]))
}
