//! The passes that use the update u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j], cap): its sums of squares,
//! the momentum made of it, and the step. Each is one loop over f32; `stored_runs` sees to the types that are stored.

use crate::allocation::OutOfMemory;
use crate::block_table::{Block, Steps};
use crate::cast::{Stored, StoredMut};
use crate::groups::{ABREAST, for_each_group, total};
use crate::simd::F32x4;
use crate::stored_runs::{Buffer, Rounding, close_run, open_run, read_run};
use crate::sums::sum_squares;
use crate::tile_sums::Rows;
use crate::tiles::{RUN, Run, sum_tiles};

/// Gradients [batch, rows, cols] with the factors that make them the update.
pub struct Update<'a> {
    pub grad: Stored<'a>,
    /// [batch, rows], [batch, cols], the cap
    pub factors: &'a [f32],
    pub block: &'a Block,
}

/// What a row's gradients are multiplied by.
struct Factors<'a> {
    row: F32x4,
    cols: &'a [f32],
    cap: F32x4,
}

impl Factors<'_> {
    #[inline(always)]
    fn update(&self, grad: F32x4, col_factor: F32x4) -> F32x4 {
        grad * (self.row * col_factor).min(self.cap)
    }
}

impl Update<'_> {
    #[inline(always)]
    fn factors(&self, run: &Run, row: usize) -> Factors<'_> {
        let (batch, rows, cols) = (self.block.batch(), self.block.rows(), self.block.cols());
        let start = batch * rows + run.b * cols + run.cols.start;
        Factors {
            row: F32x4::splat(self.factors[run.b * rows + run.i + row]),
            cols: &self.factors[start..start + run.len()],
            cap: F32x4::splat(self.factors[batch * (rows + cols)]),
        }
    }
}

/// Tiles' sums of x^2.
pub fn tile_squares(block: &Block, x: Stored, tiles: &mut [f32]) -> Result<(), OutOfMemory> {
    let mut buffer = [0.0; RUN];
    sum_tiles::<1>(block, tiles, |run| sum_squares(read_run(x, run.range(0), &mut buffer)))
}

/// Tiles' sums of u^2.
pub fn tile_updates(update: &Update, tiles: &mut [f32]) -> Result<(), OutOfMemory> {
    let mut buffer = [0.0; RUN];
    sum_tiles::<1>(update.block, tiles, |run| {
        let factors = update.factors(run, 0);
        let grad = read_run(update.grad, run.range(0), &mut buffer);
        let mut sums = [F32x4::splat(0.0); ABREAST];
        for_each_group([grad, factors.cols], [], |[grad, col_factor], [], i| {
            let u = factors.update(grad, col_factor);
            sums[i] += u * u;
            []
        });
        total(sums)
    })
}

/// A parameter, and how it is rounded where it is stored in 16 bits.
pub struct Param<'a> {
    pub values: StoredMut<'a>,
    pub rounding: Rounding<'a>,
}

/// p <- p - decay p - (a / d) u, and tiles' sums of the new p^2.
pub fn step(
    update: &Update,
    steps: &Steps,
    param: &mut Param,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (decay, over) = (F32x4::splat(steps.decay), F32x4::splat(steps.a / steps.d));
    let (mut grads, mut params) = ([0.0; RUN], [0.0; RUN]);
    sum_tiles::<1>(update.block, tiles, |run| {
        let factors = update.factors(run, 0);
        let grad = read_run(update.grad, run.range(0), &mut grads);
        let p = open_run(&mut param.values, run.range(0), &mut params);
        let mut sums = [F32x4::splat(0.0); ABREAST];
        for_each_group([grad, factors.cols], [p], |[grad, col_factor], [p], i| {
            let u = factors.update(grad, col_factor);
            let p = p - decay * p - over * u;
            sums[i] += p * p;
            [p]
        });
        close_param(param, run, &mut params).unwrap_or(total(sums))
    })
}

/// momentum <- beta1 momentum + take u,  p <- p - decay p - over momentum, and tiles' sums of the new p^2.
pub fn step_momentum(
    update: &Update,
    steps: &Steps,
    param: &mut Param,
    momentum: &mut StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (decay, over) = (F32x4::splat(steps.decay), F32x4::splat(steps.over));
    let (keep, take) = (F32x4::splat(update.block.beta1), F32x4::splat(steps.take));
    let (mut grads, mut params, mut momenta) = ([0.0; RUN], [0.0; RUN], [0.0; RUN]);
    sum_tiles::<1>(update.block, tiles, |run| {
        let factors = update.factors(run, 0);
        let grad = read_run(update.grad, run.range(0), &mut grads);
        let p = open_run(&mut param.values, run.range(0), &mut params);
        let m = open_run(momentum, run.range(0), &mut momenta);
        let mut sums = [F32x4::splat(0.0); ABREAST];
        for_each_group([grad, factors.cols], [p, m], |[grad, col_factor], [p, m], i| {
            let u = factors.update(grad, col_factor);
            let m = keep * m + take * u;
            let p = p - decay * p - over * m;
            sums[i] += p * p;
            [p, m]
        });
        close_run(momentum, run, &mut momenta, &Rounding::ToNearest);
        close_param(param, run, &mut params).unwrap_or(total(sums))
    })
}

/// momentum <- beta1 momentum + take u, and how many elements of it in each tile have, as stored, the sign of take u.
pub fn tile_momentum(
    update: &Update,
    steps: &Steps,
    momentum: &mut StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (keep, take) = (F32x4::splat(update.block.beta1), F32x4::splat(steps.take));
    let (mut grads, mut momenta) = ([0.0; RUN], [0.0; RUN]);
    sum_tiles::<1>(update.block, tiles, |run| {
        let factors = update.factors(run, 0);
        let grad = read_run(update.grad, run.range(0), &mut grads);
        let m = open_run(momentum, run.range(0), &mut momenta);
        let mut counts = [F32x4::splat(0.0); ABREAST];
        for_each_group([grad, factors.cols], [m], |[grad, col_factor], [m], i| {
            let taken = take * factors.update(grad, col_factor);
            let m = keep * m + taken;
            counts[i] += where_aligned(m, taken, F32x4::splat(1.0));
            [m]
        });
        let Some(stored) = close_run(momentum, run, &mut momenta, &Rounding::ToNearest) else {
            return total(counts);
        };
        let mut counts = [F32x4::splat(0.0); ABREAST];
        for_each_group([grad, factors.cols, stored], [], |[grad, col_factor, m], [], i| {
            let taken = take * factors.update(grad, col_factor);
            counts[i] += where_aligned(m, taken, F32x4::splat(1.0));
            []
        });
        total(counts)
    })
}

/// p <- p - decay p - over momentum, momentum only where it has the sign of take u, and tiles' sums of the new p^2.
pub fn step_cautious(
    update: &Update,
    steps: &Steps,
    param: &mut Param,
    momentum: Stored,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (decay, over) = (F32x4::splat(steps.decay), F32x4::splat(steps.over));
    let take = F32x4::splat(steps.take);
    let (mut grads, mut params, mut momenta) = ([0.0; RUN], [0.0; RUN], [0.0; RUN]);
    sum_tiles::<1>(update.block, tiles, |run| {
        let factors = update.factors(run, 0);
        let grad = read_run(update.grad, run.range(0), &mut grads);
        let p = open_run(&mut param.values, run.range(0), &mut params);
        let m = read_run(momentum, run.range(0), &mut momenta);
        let mut sums = [F32x4::splat(0.0); ABREAST];
        for_each_group([grad, factors.cols, m], [p], |[grad, col_factor, m], [p], i| {
            let taken = take * factors.update(grad, col_factor);
            let p = p - decay * p - where_aligned(m, taken, over * m);
            sums[i] += p * p;
            [p]
        });
        close_param(param, run, &mut params).unwrap_or(total(sums))
    })
}

/// CAME's residuals u / d - momentum, row by row, while momentum <- beta1 momentum + take u.
pub struct Residuals<'a> {
    pub update: Update<'a>,
    pub steps: &'a Steps,
    pub momentum: StoredMut<'a>,
}

impl Rows for Residuals<'_> {
    fn make(&mut self, run: &Run, row: usize, buffer: &mut Buffer) {
        let (keep, take) = (self.update.block.beta1, self.steps.take);
        let (keep, take) = (F32x4::splat(keep), F32x4::splat(take));
        let share = F32x4::splat(1.0 / self.steps.d);
        let (mut grads, mut momenta) = ([0.0; RUN], [0.0; RUN]);
        let run = &run.row(row);
        let factors = self.update.factors(run, 0);
        let grad = read_run(self.update.grad, run.range(0), &mut grads);
        let m = open_run(&mut self.momentum, run.range(0), &mut momenta);
        let residuals = &mut buffer[..run.len()];
        for_each_group([grad, factors.cols], [m, residuals], |[grad, col_factor], [m, _], _| {
            let u = factors.update(grad, col_factor);
            let m = keep * m + take * u;
            [m, share * u - m]
        });
        close_run(&mut self.momentum, run, &mut momenta, &Rounding::ToNearest);
    }
    fn row<'a>(&'a self, run: &Run, _row: usize, buffer: &'a Buffer) -> &'a [f32] {
        &buffer[..run.len()]
    }
}

/// The sum of squares of a run that was stored in 16 bits, as it is now.
#[inline(always)]
fn close_param(param: &mut Param, run: &Run, buffer: &mut Buffer) -> Option<f32> {
    close_run(&mut param.values, run, buffer, &param.rounding).map(|stored| sum_squares(stored))
}

/// `value` in the lanes where a and b have one sign, else 0.
#[inline(always)]
fn where_aligned(a: F32x4, b: F32x4, value: F32x4) -> F32x4 {
    // As if the product were above 0: what is subnormal counts as 0.
    (a * b).where_ge(F32x4::splat(f32::MIN_POSITIVE), value, F32x4::splat(0.0))
}
