//! Runs of elements as f32: where they lie if they are stored so, else widened into a buffer and, if they were changed,
//! narrowed back. So the passes know one type.

use crate::blocks::block_table::Block;
use crate::blocks::tiles::{RUN, Run};
use crate::storage::half_runs::{round_run, widen_run};
use crate::storage::stochastic::round_stochastic;
use crate::storage::stored::{Stored, StoredMut};

/// Room for one row of a run, and for several.
pub type Buffer = [f32; RUN];
pub type Buffers<const ROWS: usize> = [Buffer; ROWS];

pub const fn buffers<const ROWS: usize>() -> Buffers<ROWS> {
    [[0.0; RUN]; ROWS]
}

/// The run's rows, of which there are `ROWS`.
#[inline(always)]
pub fn read_rows<'a, const ROWS: usize>(
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

/// The run's rows, of which there are `ROWS`, to be changed; `close_rows` puts them back.
#[inline(always)]
pub fn open_rows<'a, const ROWS: usize>(
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

/// How 16-bit elements are rounded.
pub enum Rounding<'a> {
    ToNearest,
    /// Up or down, by the hash of the key and of where an element lies in the whole parameter.
    Stochastic {
        key: u32,
        block: &'a Block,
    },
}

/// Puts back what `open_rows` gave. Where elements are of 16 bits it was rounded, and the result is what it is now.
#[inline(always)]
pub fn close_rows<'a, const ROWS: usize>(
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
