//! The guard against gradients that are not finite, and the running averages with the factors made from them.

/// Whether any value is NaN or infinite, by its exponent bits.
pub fn adafactor_guard(sums: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    // No early return: the plain loop is vectorised.
    sums.iter().fold(false, |found, x| found | (x.to_bits() & EXPONENT == EXPONENT))
}

/// How the averages move on: `average <- keep average + take (sum / count + eps1)`.
pub struct Decay {
    pub global_rows: f32,
    pub global_cols: f32,
    pub keep: f32,
    pub take: f32,
    pub eps1: f32,
}

/// A value for each row, for each column and for the whole of every matrix of the batch.
pub struct Sums<'a> {
    pub rows: &'a [f32],
    pub cols: &'a [f32],
    pub totals: &'a [f32],
}

/// `moments` = R[batch rows], C[batch cols], M[batch], moved on by `sums`; `factors` = rsqrt(R / M), rsqrt(C).
pub fn adafactor_moments(sums: Sums, decay: &Decay, moments: &mut [f32], factors: &mut [f32]) {
    let (row_count, col_count) = (sums.rows.len(), sums.cols.len());
    let batch = sums.totals.len();
    let (row_moments, rest) = moments.split_at_mut(row_count);
    let (col_moments, means) = rest.split_at_mut(col_count);
    let (row_factors, col_factors) = factors.split_at_mut(row_count);
    let next = |average: f32, sum: f32, count: f32| {
        decay.keep * average + decay.take * (sum / count + decay.eps1)
    };
    for (mean, &total) in means.iter_mut().zip(sums.totals) {
        *mean = next(*mean, total, decay.global_rows * decay.global_cols);
    }
    for (i, (moment, &sum)) in row_moments.iter_mut().zip(sums.rows).enumerate() {
        *moment = next(*moment, sum, decay.global_cols);
        row_factors[i] = 1.0 / (*moment / means[i / (row_count / batch)]).sqrt();
    }
    for (i, (moment, &sum)) in col_moments.iter_mut().zip(sums.cols).enumerate() {
        *moment = next(*moment, sum, decay.global_rows);
        col_factors[i] = 1.0 / moment.sqrt();
    }
}
