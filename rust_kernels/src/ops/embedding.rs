//! Embedding: rows of a table by index. The gradient adds rows by index in the order of the tokens, so that it is the same on
//! every device. Also rows added at indices, where the rows of each index are known.

use crate::storage::half_runs::widen_run;
use crate::storage::stored::Stored;

/// The index of no row: it gives zeros, and its gradient is dropped.
pub const NO_ROW: u32 = u32::MAX;

/// out[t, :] = table[indices[t], :], zeros for `NO_ROW`
pub fn embedding(table: Stored, indices: &[u32], width: usize, out: &mut [f32]) {
    for (out, &index) in out.chunks_exact_mut(width.max(1)).zip(indices) {
        if index == NO_ROW {
            out.fill(0.0);
            continue;
        }
        let from = index as usize * width;
        match table {
            Stored::F32(table) => out.copy_from_slice(&table[from..from + width]),
            Stored::Half(half, table) => widen_run(half, &table[from..from + width], out),
        }
    }
}

/// dtable[indices[t], :] += dy[t, :]
pub fn embedding_backward(indices: &[u32], dy: &[f32], width: usize, dtable: &mut [f32]) {
    for (dy, &index) in dy.chunks_exact(width.max(1)).zip(indices) {
        if index == NO_ROW {
            continue;
        }
        let to = index as usize * width;
        for (sum, x) in dtable[to..to + width].iter_mut().zip(dy) {
            *sum += x;
        }
    }
}

/// out[v, :] += x[sources[i], :] for starts[v] <= i < starts[v + 1], in this order
pub fn index_add(starts: &[u32], sources: &[u32], x: &[f32], width: usize, out: &mut [f32]) {
    for (out, bounds) in out.chunks_exact_mut(width.max(1)).zip(starts.windows(2)) {
        for &source in &sources[bounds[0] as usize..bounds[1] as usize] {
            let from = source as usize * width;
            for (sum, x) in out.iter_mut().zip(&x[from..from + width]) {
                *sum += x;
            }
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::NO_ROW;
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn embedding(
        table: In,
        indices: InU32,
        out: Out,
        count: usize,
        width: usize,
        num_rows: usize,
        table_type: u32,
    ) {
        let indices = read_indices("embedding", indices, count, num_rows, NO_ROW);
        let table = read_stored(table, table_type, 0, num_rows * width);
        super::embedding(table, indices, width, write(out, count * width));
    }

    #[wasm_bindgen]
    pub fn embedding_backward(
        indices: InU32,
        dy: In,
        dtable: Out,
        count: usize,
        width: usize,
        num_rows: usize,
    ) {
        let indices = read_indices("embedding_backward", indices, count, num_rows, NO_ROW);
        let dtable = write(dtable, num_rows * width);
        super::embedding_backward(indices, read(dy, count * width), width, dtable);
    }

    #[wasm_bindgen]
    pub fn index_add(
        starts: InU32,
        sources: InU32,
        x: In,
        out: Out,
        count: usize,
        width: usize,
        num_rows: usize,
    ) {
        let starts = read_indices("index_add", starts, num_rows + 1, count, count as u32);
        let sources = read_indices("index_add", sources, count, count, 0);
        let out = write(out, num_rows * width);
        super::index_add(starts, sources, read(x, count * width), width, out);
    }
}
