//! Conversion between storage types, in runs that stay in the cache.

use crate::storage::half_runs::{narrow_run, widen_run};
use crate::storage::stored::{Stored, StoredMut};

/// out = x, rounded where `out` is narrower; the same bits where both have one type. Both have one length.
pub fn cast(x: Stored, out: StoredMut) {
    match (x, out) {
        (Stored::F32(x), StoredMut::F32(out)) => out.copy_from_slice(x),
        (Stored::F32(x), StoredMut::Half(to, out)) => narrow_run(to, x, out),
        (Stored::Half(from, x), StoredMut::F32(out)) => widen_run(from, x, out),
        (Stored::Half(from, x), StoredMut::Half(to, out)) if from == to => out.copy_from_slice(x),
        (Stored::Half(from, x), StoredMut::Half(to, out)) => {
            let mut run = [0.0; RUN];
            for (x, out) in x.chunks(RUN).zip(out.chunks_mut(RUN)) {
                let run = &mut run[..x.len()];
                widen_run(from, x, run);
                narrow_run(to, run, out);
            }
        }
    }
}

/// out += x, summed in f32 and rounded once. Both have one length.
pub fn accumulate_cast(x: Stored, out: StoredMut) {
    let mut run = [0.0; RUN];
    match out {
        StoredMut::F32(out) => {
            for (i, out) in out.chunks_mut(RUN).enumerate() {
                add(run_of(x, i, &mut run), out);
            }
        }
        StoredMut::Half(to, out) => {
            let mut sums = [0.0; RUN];
            for (i, out) in out.chunks_mut(RUN).enumerate() {
                let sums = &mut sums[..out.len()];
                widen_run(to, out, sums);
                add(run_of(x, i, &mut run), sums);
                narrow_run(to, sums, out);
            }
        }
    }
}

fn add(x: &[f32], sums: &mut [f32]) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += x;
    }
}

/// Run `i` of `x` as f32: used in place, or widened into `scratch`.
fn run_of<'a>(x: Stored<'a>, i: usize, scratch: &'a mut [f32; RUN]) -> &'a [f32] {
    match x {
        Stored::F32(x) => x.chunks(RUN).nth(i).unwrap_or_default(),
        Stored::Half(from, x) => {
            let x = x.chunks(RUN).nth(i).unwrap_or_default();
            let widened = &mut scratch[..x.len()];
            widen_run(from, x, widened);
            widened
        }
    }
}

/// Elements that are converted at a time.
const RUN: usize = 1024;

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;

    macro_rules! export_cast {
        ($name:ident) => {
            #[wasm_bindgen]
            pub fn $name(
                x: In,
                out: Out,
                from_type: u32,
                to_type: u32,
                from_offset: usize,
                to_offset: usize,
                length: usize,
            ) {
                let x = read_stored(x, from_type, from_offset, length);
                super::$name(x, write_stored(out, to_type, to_offset, length));
            }
        };
    }
    export_cast!(cast);
    export_cast!(accumulate_cast);
}
