//! Matrices packed into panels as wide as a register tile, and the product of two panels, a tile (after BLIS, see matmul.rs).

use crate::simd::f32x4::{F32x4, LANES};
use core::ops::Range;

/// Rows of a register tile: its 8 accumulators, 2 vectors of B and 1 of A fit the 16 registers of x64.
pub const TILE_ROWS: usize = 4;
/// Columns of a register tile.
pub const TILE_COLS: usize = 8;

/// Steps of k per block.
pub const DEPTH: usize = 256;
/// Columns of B per packed block: 512 KiB.
pub const COLS: usize = 512;

/// The sizes of `out[m, n] = A[m, k] B[k, n]`, and which of its rows to compute.
pub struct Product {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub rows: Range<usize>,
    pub accumulate: bool,
}

/// An operand seen as lanes (rows of A, columns of B) that run along k; `lane` or `step` is 1.
#[derive(Clone, Copy)]
pub struct Lanes<'a> {
    pub data: &'a [f32],
    /// Distance from one lane to the next.
    pub lane: usize,
    /// Distance from one step of k to the next.
    pub step: usize,
}

/// A register tile of the product.
pub type Tile = [[F32x4; TILE_COLS / LANES]; TILE_ROWS];

/// One register tile: the outer products of `depth` columns of A's panel with rows of B's panel, added up.
#[inline(always)]
pub fn tile_product(a_panel: &[f32], b_panel: &[f32]) -> Tile {
    let mut tile: Tile = [[F32x4::splat(0.0); TILE_COLS / LANES]; TILE_ROWS];
    for (a, b) in a_panel.chunks_exact(TILE_ROWS).zip(b_panel.chunks_exact(TILE_COLS)) {
        // SAFETY: b has TILE_COLS elements.
        let b: [F32x4; TILE_COLS / LANES] =
            core::array::from_fn(|j| unsafe { F32x4::load(b, j * LANES) });
        for (sums, &a) in tile.iter_mut().zip(a) {
            let a = F32x4::splat(a);
            for (sum, &b) in sums.iter_mut().zip(&b) {
                *sum += a * b;
            }
        }
    }
    tile
}

/// out[rows, cols] += tile, of which the first rows and columns count
#[inline(always)]
pub fn add_tile(tile: &Tile, out: &mut [f32], n: usize, rows: Range<usize>, cols: Range<usize>) {
    for (row, sums) in rows.zip(tile) {
        let out = &mut out[row * n + cols.start..row * n + cols.end];
        if out.len() == TILE_COLS {
            for (j, &sum) in sums.iter().enumerate() {
                // SAFETY: out has TILE_COLS elements.
                unsafe { (F32x4::load(out, j * LANES) + sum).store(out, j * LANES) };
            }
        } else {
            let sums = sums.iter().flat_map(|sum| sum.lanes());
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
        }
    }
}

/// Packs `lanes` of `source` over `steps` into [panel][step][W lanes]; missing lanes are 0.
pub fn pack<const W: usize>(
    source: Lanes,
    lanes: Range<usize>,
    steps: Range<usize>,
    packed: &mut [f32],
) {
    let panels = packed.chunks_exact_mut(W * steps.len());
    for (lanes, panel) in blocks(lanes, W).zip(panels) {
        if lanes.len() < W {
            panel.fill(0.0);
        }
        if source.lane == 1 {
            copy_across::<W>(source, lanes, steps.clone(), panel);
        } else {
            interleave::<W>(source, lanes, steps.clone(), panel);
        }
    }
}

/// Packs one panel of adjacent lanes (`source.lane` is 1).
fn copy_across<const W: usize>(
    source: Lanes,
    lanes: Range<usize>,
    steps: Range<usize>,
    panel: &mut [f32],
) {
    for (step, target) in steps.zip(panel.chunks_exact_mut(W)) {
        let row = &source.data[step * source.step..];
        if lanes.len() == W {
            // A length known to the compiler: two loads and stores instead of a call.
            target.copy_from_slice(&row[lanes.start..lanes.start + W]);
        } else {
            target[..lanes.len()].copy_from_slice(&row[lanes.clone()]);
        }
    }
}

/// Packs one panel of lanes that are contiguous along k (`source.step` is 1), 4 x 4 at a time.
fn interleave<const W: usize>(
    source: Lanes,
    lanes: Range<usize>,
    steps: Range<usize>,
    panel: &mut [f32],
) {
    let lane = |i: usize| {
        let from = (lanes.start + i) * source.lane;
        &source.data[from + steps.start..from + steps.end]
    };
    let mut i = 0;
    while i + LANES <= lanes.len() {
        let sources: [&[f32]; LANES] = core::array::from_fn(|r| lane(i + r));
        let whole = steps.len() / LANES * LANES;
        for step in (0..whole).step_by(LANES) {
            // SAFETY: step + 4 <= steps.len(), the length of each source; (step + c) W + i + 4 <= steps.len() W.
            unsafe {
                let rows = sources.map(|source| F32x4::load(source, step));
                for (c, column) in F32x4::transpose(rows).into_iter().enumerate() {
                    column.store(panel, (step + c) * W + i);
                }
            }
        }
        for step in whole..steps.len() {
            for (r, source) in sources.iter().enumerate() {
                panel[step * W + i + r] = source[step];
            }
        }
        i += LANES;
    }
    for i in i..lanes.len() {
        for (target, &value) in panel[i..].iter_mut().step_by(W).zip(lane(i)) {
            *target = value;
        }
    }
}

/// `range` in pieces of `size`, the last one shorter.
pub fn blocks(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(size).map(move |start| start..end.min(start + size))
}
