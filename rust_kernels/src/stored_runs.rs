//! Runs of elements as f32: where they lie if they are stored so, else widened into a buffer and, if they were changed,
//! narrowed back. So the passes know one type.

use crate::block_table::Block;
use crate::cast::{Stored, StoredMut};
use crate::half::{narrow_run, widen_run};
use crate::stochastic::narrow_stochastic;
use crate::tiles::{RUN, Run};
use core::ops::Range;

/// Room for one run.
pub type Buffer = [f32; RUN];

/// The elements in `range`.
#[inline(always)]
pub fn read_run<'a>(stored: Stored<'a>, range: Range<usize>, buffer: &'a mut Buffer) -> &'a [f32] {
    match stored {
        Stored::F32(x) => &x[range],
        Stored::Half(format, x) => {
            let run = &mut buffer[..range.len()];
            widen_run(format, &x[range], run);
            run
        }
    }
}

/// The elements in `range`, to be changed; `close_run` puts them back.
#[inline(always)]
pub fn open_run<'a>(
    stored: &'a mut StoredMut,
    range: Range<usize>,
    buffer: &'a mut Buffer,
) -> &'a mut [f32] {
    match stored {
        StoredMut::F32(x) => &mut x[range],
        StoredMut::Half(format, x) => {
            let run = &mut buffer[..range.len()];
            widen_run(*format, &x[range], run);
            run
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

/// Puts back what `open_run` gave. If it was rounded, the result is what it is now.
#[inline(always)]
pub fn close_run<'a>(
    stored: &mut StoredMut,
    run: &Run,
    buffer: &'a mut Buffer,
    rounding: &Rounding,
) -> Option<&'a mut [f32]> {
    let StoredMut::Half(format, x) = stored else { return None };
    let (values, out) = (&mut buffer[..run.len()], &mut x[run.range(0)]);
    match *rounding {
        Rounding::ToNearest => narrow_run(*format, values, out),
        Rounding::Stochastic { key, block } => {
            let row = block.global_row(run.b, run.i);
            let mut at = 0;
            while at < run.len() {
                let (col, following) = block.global_col(run.cols.start + at);
                let end = run.len().min(at + following);
                let first = row.wrapping_add(col);
                narrow_stochastic(*format, &values[at..end], (first, key), &mut out[at..end]);
                at = end;
            }
        }
    }
    widen_run(*format, out, values);
    Some(values)
}
