//! Matrix product out[m, n] = A[m, k] B[k, n] + bias[n], with B or A stored transposed (nt, tn).
//!
//! As in BLIS (Van Zee & van de Geijn 2015): a block of B (DEPTH x COLS) and a block of A (ROWS x DEPTH) are packed into
//! panels as wide as a register tile, so that the innermost loop reads both in order, whatever their layout in memory;
//! a TILE_ROWS x TILE_COLS tile of the product stays in registers over DEPTH steps of multiply and add.
//! B's block stays in the L2 cache, A's panel and B's panel in L1. Panels at the edge are padded with zeros.
//! A product of a few rows reads B once and packs nothing (few_rows.rs).

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::few_rows::{few_rows_nn, few_rows_nt};
use crate::ops::panels::{
    COLS, DEPTH, Lanes, Product, TILE_COLS, TILE_ROWS, add_tile, blocks, pack, tile_product,
};
use core::ops::Range;

/// Rows of A per packed block: 128 KiB.
const ROWS: usize = 128;

/// `a[m, k]`, `b[k, n]`
pub fn matmul_nn(
    a: &[f32],
    b: &[f32],
    bias: &[f32],
    out: &mut [f32],
    product: &Product,
) -> Result<(), OutOfMemory> {
    if product.rows.len() <= TILE_ROWS {
        begin(bias, out, product);
        return few_rows_nn(a, b, out, product);
    }
    let a = Lanes { data: a, lane: product.k, step: 1 };
    let b = Lanes { data: b, lane: 1, step: product.n };
    matmul(a, b, bias, out, product)
}

/// `a[m, k]`, `b[n, k]`
pub fn matmul_nt(
    a: &[f32],
    b: &[f32],
    bias: &[f32],
    out: &mut [f32],
    product: &Product,
) -> Result<(), OutOfMemory> {
    if product.rows.len() <= TILE_ROWS {
        begin(bias, out, product);
        few_rows_nt(a, b, out, product);
        return Ok(());
    }
    let a = Lanes { data: a, lane: product.k, step: 1 };
    let b = Lanes { data: b, lane: product.k, step: 1 };
    matmul(a, b, bias, out, product)
}

/// `a[k, m]`, `b[k, n]`
pub fn matmul_tn(
    a: &[f32],
    b: &[f32],
    bias: &[f32],
    out: &mut [f32],
    product: &Product,
) -> Result<(), OutOfMemory> {
    let a = Lanes { data: a, lane: 1, step: product.m };
    let b = Lanes { data: b, lane: 1, step: product.n };
    matmul(a, b, bias, out, product)
}

fn matmul(
    a: Lanes,
    b: Lanes,
    bias: &[f32],
    out: &mut [f32],
    product: &Product,
) -> Result<(), OutOfMemory> {
    let &Product { n, k, ref rows, .. } = product;
    if rows.is_empty() || n == 0 {
        return Ok(());
    }
    let depth = k.min(DEPTH);
    let mut packed_a = scratch(rows.len().min(ROWS).next_multiple_of(TILE_ROWS) * depth)?;
    let mut packed_b = scratch(n.min(COLS).next_multiple_of(TILE_COLS) * depth)?;
    begin(bias, out, product);
    for cols in blocks(0..n, COLS) {
        for steps in blocks(0..k, DEPTH) {
            pack::<TILE_COLS>(b, cols.clone(), steps.clone(), &mut packed_b);
            for rows in blocks(rows.clone(), ROWS) {
                pack::<TILE_ROWS>(a, rows.clone(), steps.clone(), &mut packed_a);
                multiply(&packed_a, &packed_b, steps.len(), out, n, rows, cols.clone());
            }
        }
    }
    Ok(())
}

/// out = what products are added to: the bias or zeros, and `out` itself where it accumulates.
fn begin(bias: &[f32], out: &mut [f32], product: &Product) {
    let &Product { n, ref rows, accumulate, .. } = product;
    if n == 0 {
        return;
    }
    for out in out[rows.start * n..rows.end * n].chunks_exact_mut(n) {
        match (accumulate, bias.is_empty()) {
            (false, true) => out.fill(0.0),
            (false, false) => out.copy_from_slice(bias),
            (true, true) => {}
            (true, false) => out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias),
        }
    }
}

/// out[rows, cols] += A B of packed blocks, `depth` steps deep.
fn multiply(
    packed_a: &[f32],
    packed_b: &[f32],
    depth: usize,
    out: &mut [f32],
    n: usize,
    rows: Range<usize>,
    cols: Range<usize>,
) {
    let b_panels = packed_b.chunks_exact(TILE_COLS * depth);
    for (cols, b_panel) in blocks(cols, TILE_COLS).zip(b_panels) {
        let a_panels = packed_a.chunks_exact(TILE_ROWS * depth);
        for (rows, a_panel) in blocks(rows.clone(), TILE_ROWS).zip(a_panels) {
            let tile = tile_product(a_panel, b_panel);
            add_tile(&tile, out, n, rows, cols.clone());
        }
    }
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use crate::operands::*;
    use crate::ops::panels::Product;

    macro_rules! export_matmul {
        ($name:ident) => {
            #[wasm_bindgen]
            pub fn $name(
                a: In,
                b: In,
                bias: In,
                out: Out,
                a_from: usize,
                b_from: usize,
                out_from: usize,
                batch: usize,
                m: usize,
                n: usize,
                k: usize,
                row_begin: usize,
                row_end: usize,
                bias_length: usize,
                accumulate: u32,
            ) {
                let accumulate = accumulate != 0;
                let product = Product { m, n, k, rows: row_begin..row_end, accumulate };
                let (a, b) = (read_at(a, a_from, batch * m * k), read_at(b, b_from, batch * k * n));
                let out = write_at(out, out_from, batch * m * n);
                let bias = read(bias, bias_length);
                for i in 0..batch {
                    let (a, b) = (&a[i * m * k..][..m * k], &b[i * k * n..][..k * n]);
                    let out = &mut out[i * m * n..][..m * n];
                    or_throw(super::$name(a, b, bias, out, &product));
                }
            }
        };
    }
    export_matmul!(matmul_nn);
    export_matmul!(matmul_nt);
    export_matmul!(matmul_tn);
}
