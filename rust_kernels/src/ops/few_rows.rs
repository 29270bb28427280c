//! Matrix products with at most TILE_ROWS rows, as for one token of each text when a model generates: out[m, n] = A[m, k] B[k, n].
//!
//! B is read once, from where it is stored: to pack it first (matmul.rs) would cost more than the product. Every sum has the terms of the
//! packed product in the same order, in runs of DEPTH steps that are added to `out` one after the other, so the bits are the same.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::panels::{COLS, DEPTH, Product, TILE_COLS, TILE_ROWS, Tile, add_tile, blocks};
use crate::ops::scaled_sum::add_scaled;
use crate::simd::f32x4::{F32x4, LANES};
use core::ops::Range;

/// out[rows, n] += A B of `b[n, k]`
pub fn few_rows_nt(a: &[f32], b: &[f32], out: &mut [f32], product: &Product) {
    match product.rows.len() {
        0 => {}
        1 => nt::<1>(a, b, out, product),
        2 => nt::<2>(a, b, out, product),
        3 => nt::<3>(a, b, out, product),
        _ => nt::<TILE_ROWS>(a, b, out, product),
    }
}

fn nt<const M: usize>(a: &[f32], b: &[f32], out: &mut [f32], product: &Product) {
    let &Product { n, k, ref rows, .. } = product;
    for cols in blocks(0..n, TILE_COLS) {
        // Columns past the end read the last one again, and are not written.
        let b: [&[f32]; TILE_COLS] =
            core::array::from_fn(|j| &b[(cols.start + j).min(n - 1) * k..][..k]);
        for steps in blocks(0..k, DEPTH) {
            let a: [&[f32]; M] =
                core::array::from_fn(|i| &a[(rows.start + i) * k..][steps.clone()]);
            let tile = nt_tile(a, b.map(|col| &col[steps.clone()]));
            add_tile(&tile, out, n, rows.clone(), cols.clone());
        }
    }
}

/// The products of M rows and 8 columns, all contiguous along k; the other rows of the tile are 0.
#[inline(always)]
fn nt_tile<const M: usize>(a: [&[f32]; M], b: [&[f32]; TILE_COLS]) -> Tile {
    let depth = b[0].len();
    let mut tile: Tile = [[F32x4::splat(0.0); TILE_COLS / LANES]; TILE_ROWS];
    let whole = depth / LANES * LANES;
    for step in (0..whole).step_by(LANES) {
        for j in 0..TILE_COLS / LANES {
            // SAFETY: step + 4 <= depth, the length of each column.
            let columns = core::array::from_fn(|i| unsafe { F32x4::load(b[j * LANES + i], step) });
            for (i, b) in F32x4::transpose(columns).into_iter().enumerate() {
                for (sums, a) in tile.iter_mut().zip(&a) {
                    sums[j] += F32x4::splat(a[step + i]) * b;
                }
            }
        }
    }
    for step in whole..depth {
        for j in 0..TILE_COLS / LANES {
            let b: [f32; LANES] = core::array::from_fn(|i| b[j * LANES + i][step]);
            for (sums, a) in tile.iter_mut().zip(&a) {
                sums[j] += F32x4::splat(a[step]) * F32x4::load_partial(&b);
            }
        }
    }
    tile
}

/// out[rows, n] += A B of `b[k, n]`
pub fn few_rows_nn(
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    product: &Product,
) -> Result<(), OutOfMemory> {
    let &Product { n, k, ref rows, .. } = product;
    let mut sums = scratch(rows.len() * COLS)?;
    for cols in blocks(0..n, COLS) {
        for steps in blocks(0..k, DEPTH) {
            sums.fill(0.0);
            for step in steps {
                let b = &b[step * n..][cols.clone()];
                for (row, sums) in rows.clone().zip(sums.chunks_exact_mut(COLS)) {
                    add_scaled(&mut sums[..b.len()], a[row * k + step], b);
                }
            }
            for (row, sums) in rows.clone().zip(sums.chunks_exact(COLS)) {
                let out = &mut out[row * n..][Range::clone(&cols)];
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    }
    Ok(())
}
