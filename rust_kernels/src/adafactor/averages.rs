//! The running averages of a block's row and column sums, and the factors that turn gradients into updates.

use crate::blocks::block_table::Block;
use crate::blocks::trees::tree;

/// Sums over the whole parameter: of each row, of each column, and in slots of each matrix.
pub struct Sums<'a> {
    pub rows: &'a [f32],
    pub cols: &'a [f32],
    pub totals: &'a [f32],
}

/// Updates `moments` = R[batch, rows], C[batch, cols], M[batch] from the sums of gradients, which are to be multiplied by
/// `scale`, and writes `factors` = scale rsqrt(R / max(M, meanFloor)), rsqrt(C), the cap. No root is taken of less than the
/// smallest normal number, and the cap is at most the largest, so that all factors are finite, and gradients of 0 stay 0.
pub fn averages(
    block: &Block,
    take: f32,
    scale: f32,
    sums: Sums,
    moments: &mut [f32],
    factors: &mut [f32],
) {
    let (row_count, col_count) = (sums.rows.len(), sums.cols.len());
    let (row_moments, rest) = moments.split_at_mut(row_count);
    let (col_moments, means) = rest.split_at_mut(col_count);
    let (row_factors, rest) = factors.split_at_mut(row_count);
    let (col_factors, cap) = rest.split_at_mut(col_count);
    let keep = 1.0 - take;
    let next = |average: f32, sum: f32, count: f32| {
        keep * average + take * (scale * (sum / count) * scale + block.eps1)
    };
    let slots = block.row_slots as usize;
    for (b, mean) in means.iter_mut().enumerate() {
        let total = tree(b * slots..(b + 1) * slots, &|at| sums.totals[at]);
        *mean = next(*mean, total, block.global_rows * block.global_cols);
    }
    let least = block.mean_floor.max(f32::MIN_POSITIVE);
    for (i, (moment, &sum)) in row_moments.iter_mut().zip(sums.rows).enumerate() {
        *moment = next(*moment, sum, block.global_cols);
        let mean = means[i / block.rows()].max(least);
        row_factors[i] = scale / (*moment / mean).max(f32::MIN_POSITIVE).sqrt();
    }
    for (i, (moment, &sum)) in col_moments.iter_mut().zip(sums.cols).enumerate() {
        *moment = next(*moment, sum, block.global_rows);
        col_factors[i] = 1.0 / moment.max(f32::MIN_POSITIVE).sqrt();
    }
    cap[0] = (scale * block.factor_cap).min(f32::MAX);
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::{Sums, averages};
    use crate::blocks::block_operands::*;
    use crate::operands::*;

    #[repr(C)]
    pub struct Params {
        pub run: VectorRun,
        pub gradient_scale: u32,
        pub sums_length: u32,
        pub moments_length: u32,
        pub factors_length: u32,
    }

    #[wasm_bindgen]
    pub fn adafactor_averages(
        blocks: Records<Block>,
        numbers: Records<Numbers>,
        sums: In,
        guard: InU32,
        moments: Out,
        factors: Out,
        params: *const Params,
    ) {
        if is_set(guard) {
            return;
        }
        let params = read_params(params);
        let scale = read_at(sums, params.gradient_scale as usize, 1)[0];
        let sums = Vector::new("sums", sums, params.sums_length);
        let moments = Vector::new("moments", moments, params.moments_length);
        let factors = Vector::new("factors", factors, params.factors_length);
        for_each_block(blocks, &params.run.blocks, |block, index| {
            let (batch, rows, cols) = (block.batch(), block.rows(), block.cols());
            let of_block = Sums {
                rows: sums.read(block.row_sums, batch * rows),
                cols: sums.read(block.col_sums, batch * cols),
                totals: sums.read(block.totals, batch * block.row_slots as usize),
            };
            let moments = moments.write(block.moments, batch * (rows + cols + 1));
            let factors = factors.write(block.factors, batch * (rows + cols) + 1);
            let take = read_record(numbers, index).take;
            averages(block, take, scale, of_block, moments, factors);
            Ok(())
        });
    }
}
