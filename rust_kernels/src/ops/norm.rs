//! LayerNorm and RMSNorm of rows: y = (x - mean) rstd (offset + weight) + bias, with mean = 0 where rows are not centred (RMSNorm).
//!
//! With h = (x - mean) rstd and g = dy (offset + weight):  dx = rstd (g - mean_c g - h mean_c (g h)), the first mean only where centred;
//! dweight = sum_r dy h.

use crate::allocation::{OutOfMemory, scratch};
use crate::simd::f32x4::F32x4;
use crate::simd::groups::{ABREAST, for_each_group, map, total};
use crate::simd::sums::{RUN, RUN_ROWS, sum_by};

/// The kind of norm.
pub struct Norm {
    pub eps: f32,
    pub centred: bool,
    /// Added to every weight.
    pub offset: f32,
}

/// A row's mean and the inverse of its standard deviation.
pub type Moments = [f32; 2];

/// Normalizes rows as long as `weight`; `bias` may be empty.
pub fn norm(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    norm: &Norm,
    out: &mut [f32],
    moments: &mut [Moments],
) {
    let cols = weight.len();
    for (r, moments) in moments.iter_mut().enumerate() {
        let row = r * cols..(r + 1) * cols;
        let (x, out) = (&x[row.clone()], &mut out[row]);
        let mean = if norm.centred { (sum_by(x, |x| x) / cols as f64) as f32 } else { 0.0 };
        let centre = F32x4::splat(mean);
        map(x, out, |x| x - centre);
        let square = sum_by(out, |h| h * h) / cols as f64;
        let rstd = (1.0 / (square + f64::from(norm.eps)).sqrt()) as f32;
        *moments = [mean, rstd];
        let (scale, offset) = (F32x4::splat(rstd), F32x4::splat(norm.offset));
        if bias.is_empty() {
            for_each_group([weight], [out], |[w], [h], _| [h * scale * (offset + w)]);
        } else {
            for_each_group([weight, bias], [out], |[w, b], [h], _| [h * scale * (offset + w) + b]);
        }
    }
}

/// dx of rows as long as `weight`.
pub fn norm_backward(
    x: &[f32],
    weight: &[f32],
    dy: &[f32],
    moments: &[Moments],
    norm: &Norm,
    dx: &mut [f32],
) {
    let cols = weight.len();
    let offset = F32x4::splat(norm.offset);
    for (r, &[mean, rstd]) in moments.iter().enumerate() {
        let row = r * cols..(r + 1) * cols;
        let (x, dy, dx) = (&x[row.clone()], &dy[row.clone()], &mut dx[row]);
        let (centre, scale) = (F32x4::splat(mean), F32x4::splat(rstd));
        let (mut along, mut sum) = (0.0, 0.0);
        for run in 0..cols.div_ceil(RUN) {
            let run = run * RUN..cols.min((run + 1) * RUN);
            let mut sums = [[F32x4::splat(0.0); ABREAST]; 2];
            let reads = [&x[run.clone()], &dy[run.clone()], &weight[run]];
            for_each_group(reads, [], |[x, dy, w], [], i| {
                let g = dy * (offset + w);
                sums[0][i] += g * ((x - centre) * scale);
                sums[1][i] += g;
                []
            });
            along += f64::from(total(sums[0]));
            sum += f64::from(total(sums[1]));
        }
        let along = F32x4::splat((along / cols as f64) as f32);
        let shift = F32x4::splat(if norm.centred { (sum / cols as f64) as f32 } else { 0.0 });
        for_each_group([x, dy, weight], [dx], |[x, dy, w], _, _| {
            let h = (x - centre) * scale;
            [scale * (dy * (offset + w) - shift - h * along)]
        });
    }
}

/// dweight = sum over rows of dy h
pub fn norm_weight_backward(
    x: &[f32],
    dy: &[f32],
    moments: &[Moments],
    dweight: &mut [f32],
) -> Result<(), OutOfMemory> {
    let cols = dweight.len();
    let mut run = scratch::<f32>(cols)?;
    let mut sums = scratch::<f64>(cols)?;
    for (first, block) in moments.chunks(RUN_ROWS).enumerate() {
        run.fill(0.0);
        for (r, &[mean, rstd]) in block.iter().enumerate() {
            let begin = (first * RUN_ROWS + r) * cols;
            let (centre, scale) = (F32x4::splat(mean), F32x4::splat(rstd));
            let reads = [&x[begin..begin + cols], &dy[begin..begin + cols]];
            for_each_group(reads, [&mut run], |[x, dy], [sum], _| {
                [sum + dy * ((x - centre) * scale)]
            });
        }
        for (sum, x) in sums.iter_mut().zip(&run) {
            *sum += f64::from(*x);
        }
    }
    for (out, &sum) in dweight.iter_mut().zip(&sums) {
        *out = sum as f32;
    }
    Ok(())
}

/// WASM exports: operands, then parameters (operands.rs has the convention).
mod exports {
    use super::{Moments, Norm};
    use crate::operands::*;

    #[wasm_bindgen]
    pub fn norm(
        x: In,
        weight: In,
        bias: In,
        out: Out,
        moments: Out,
        rows: usize,
        cols: usize,
        bias_length: usize,
        eps: f32,
        centred: u32,
        offset: f32,
    ) {
        let (x, out) = (read(x, rows * cols), write(out, rows * cols));
        let moments: &mut [Moments] = write(moments, 2 * rows).as_chunks_mut().0;
        let rule = Norm { eps, centred: centred != 0, offset };
        super::norm(x, read(weight, cols), read(bias, bias_length), &rule, out, moments);
    }

    #[wasm_bindgen]
    pub fn norm_backward(
        x: In,
        weight: In,
        dy: In,
        moments: In,
        dx: Out,
        rows: usize,
        cols: usize,
        centred: u32,
        offset: f32,
    ) {
        let (x, dy) = (read(x, rows * cols), read(dy, rows * cols));
        let moments: &[Moments] = read(moments, 2 * rows).as_chunks().0;
        let dx = write(dx, rows * cols);
        let rule = Norm { eps: 0.0, centred: centred != 0, offset };
        super::norm_backward(x, read(weight, cols), dy, moments, &rule, dx);
    }

    #[wasm_bindgen]
    pub fn norm_weight_backward(
        x: In,
        dy: In,
        moments: In,
        dweight: Out,
        rows: usize,
        cols: usize,
    ) {
        let (x, dy) = (read(x, rows * cols), read(dy, rows * cols));
        let moments: &[Moments] = read(moments, 2 * rows).as_chunks().0;
        or_throw(super::norm_weight_backward(x, dy, moments, write(dweight, cols)));
    }
}
