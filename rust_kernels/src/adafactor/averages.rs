//! What is made of the sums: the scale of gradients and the guard, the running averages with the factors, and the steps.

use crate::adafactor::block_table::{Block, Numbers, Steps, tree};
use crate::adafactor::joined_sums::add_slots;

/// Whether a value is NaN or infinite, by its exponent bits.
pub fn is_unbounded(x: f32) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    x.to_bits() & EXPONENT == EXPONENT
}

/// `factor min(1, max_norm / |factor g|)`, with |g|^2 = `squares`.
pub fn gradient_scale(squares: f64, factor: f32, max_norm: f32) -> f32 {
    let norm = f64::from(factor) * squares.sqrt();
    if norm > f64::from(max_norm) {
        (f64::from(factor) * f64::from(max_norm) / norm) as f32
    } else {
        factor
    }
}

/// Sums over the whole parameter for each row, for each column, and slots of sums for each matrix.
pub struct Sums<'a> {
    pub rows: &'a [f32],
    pub cols: &'a [f32],
    pub totals: &'a [f32],
}

/// `moments` = R[batch, rows], C[batch, cols], M[batch], moved on by the sums of gradients that count `scale` times, and
/// `factors` = scale rsqrt(R / max(M, meanFloor)), rsqrt(C), the cap. Under no root stands less than the smallest normal
/// number, so that all of them are finite.
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
    cap[0] = scale * block.factor_cap;
}

/// Slots of the scalars that steps are made of.
pub struct Scalars<'a> {
    pub update_squares: &'a [f32],
    pub param_squares: &'a [f32],
    pub aligned: &'a [f32],
}

/// The steps of a block (src/device/block_table.ts has the equations).
pub fn step_sizes(block: &Block, numbers: &Numbers, scalars: &Scalars) -> Steps {
    let mean = |slots| add_slots(block, slots) / block.global_count;
    let param_rms = mean(scalars.param_squares).sqrt();
    let update_rms = mean(scalars.update_squares).sqrt();
    let scale = match block.scale_parameter {
        0 => 1.0,
        _ => block.scale_ceiling.min(block.scale_floor.max(param_rms)),
    };
    let a = numbers.rate * scale;
    let d = 1f32.max(update_rms / block.clip_threshold);
    let share = if block.cautious == 0 { 1.0 } else { mean(scalars.aligned).max(1e-3) };
    let (before, after) = if block.rate_after_momentum == 0 { (a, 1.0) } else { (1.0, a) };
    Steps {
        a,
        d,
        decay: a * numbers.decay_times_step + numbers.decay_absolute,
        take: (1.0 - block.beta1) * before / d,
        over: after / share,
        share,
        param_rms,
        update_rms,
        key: numbers.key,
    }
}
