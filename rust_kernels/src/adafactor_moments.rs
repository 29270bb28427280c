//! The guard against gradients that are not finite, and the running averages with the factors made from them.

/// Whether any value is NaN or infinite, by its exponent bits.
pub fn adafactor_guard(sums: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    // No early return: the plain loop is vectorised.
    sums.iter().fold(false, |found, x| found | (x.to_bits() & EXPONENT == EXPONENT))
}

/// `factor min(1, max_norm / |factor g|)`, |g|^2 being the sum of `squares`.
pub fn adafactor_gradient_scale(squares: &[f32], factor: f32, max_norm: f32) -> f32 {
    let total: f64 = squares.iter().copied().map(f64::from).sum();
    let norm = f64::from(factor) * total.sqrt();
    if norm > f64::from(max_norm) {
        (f64::from(factor) * f64::from(max_norm) / norm) as f32
    } else {
        factor
    }
}

/// How the averages move on: `average <- keep average + take (scale^2 sum / count + eps1)`.
pub struct Decay {
    pub global_rows: f32,
    pub global_cols: f32,
    pub keep: f32,
    pub take: f32,
    pub eps1: f32,
    /// What gradients are multiplied by.
    pub scale: f32,
    /// Row factors take the mean of R for no less.
    pub mean_floor: f32,
    /// The product of a row's and a column's factor counts for no more, times scale.
    pub factor_cap: f32,
}

/// A value for each row, for each column and for the whole of every matrix of the batch.
pub struct Sums<'a> {
    pub rows: &'a [f32],
    pub cols: &'a [f32],
    pub totals: &'a [f32],
}

/// `moments` = R[batch rows], C[batch cols], M[batch], moved on by `sums`; `factors` = scale rsqrt(R / max(M, mean_floor)),
/// rsqrt(C), scale factor_cap. Under no root stands less than the smallest normal number, so that all of them are finite.
pub fn adafactor_moments(sums: Sums, decay: &Decay, moments: &mut [f32], factors: &mut [f32]) {
    let (row_count, col_count) = (sums.rows.len(), sums.cols.len());
    let batch = sums.totals.len();
    let (row_moments, rest) = moments.split_at_mut(row_count);
    let (col_moments, means) = rest.split_at_mut(col_count);
    let (row_factors, rest) = factors.split_at_mut(row_count);
    let (col_factors, most) = rest.split_at_mut(col_count);
    let next = |average: f32, sum: f32, count: f32| {
        decay.keep * average + decay.take * (decay.scale * (sum / count) * decay.scale + decay.eps1)
    };
    for (mean, &total) in means.iter_mut().zip(sums.totals) {
        *mean = next(*mean, total, decay.global_rows * decay.global_cols);
    }
    for (i, (moment, &sum)) in row_moments.iter_mut().zip(sums.rows).enumerate() {
        *moment = next(*moment, sum, decay.global_cols);
        let mean = means[i / (row_count / batch)].max(decay.mean_floor).max(f32::MIN_POSITIVE);
        row_factors[i] = decay.scale / (*moment / mean).max(f32::MIN_POSITIVE).sqrt();
    }
    for (i, (moment, &sum)) in col_moments.iter_mut().zip(sums.cols).enumerate() {
        *moment = next(*moment, sum, decay.global_rows);
        col_factors[i] = 1.0 / moment.max(f32::MIN_POSITIVE).sqrt();
    }
    most[0] = decay.scale * decay.factor_cap;
}
