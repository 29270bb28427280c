//! The passes that use the update u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j], cap): its sums of squares,
//! the momentum made of it, and the step. Each is one loop over f32; `stored_runs` sees to the types that are stored.

use crate::allocation::OutOfMemory;
use crate::block_table::{Block, Steps};
use crate::cast::{Stored, StoredMut};
use crate::groups::for_each_column;
use crate::simd::F32x4;
use crate::stored_runs::{Buffers, Rounding, buffers, close_rows, open_rows, read_rows};
use crate::tile_sums::Rows;
use crate::tiles::{ABREAST, Run, sum_tiles};
use crate::updates::Update;

/// A pass over a block.
trait Pass {
    /// What a run of `ROWS` rows, whose factors may reach the cap, gives to its tile's sum.
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32;
}

fn sum_pass(update: &Update, tiles: &mut [f32], mut pass: impl Pass) -> Result<(), OutOfMemory> {
    sum_tiles(update.block, tiles, |run| match (run.count, update.reaches_cap(run)) {
        (1, true) => pass.run::<1, true>(update, run),
        (1, false) => pass.run::<1, false>(update, run),
        (_, true) => pass.run::<ABREAST, true>(update, run),
        (_, false) => pass.run::<ABREAST, false>(update, run),
    })
}

/// Tiles' sums of x^2.
pub fn tile_squares(block: &Block, x: Stored, tiles: &mut [f32]) -> Result<(), OutOfMemory> {
    let mut buffers = buffers();
    sum_tiles(block, tiles, |run| match run.count {
        1 => squares(read_rows::<1>(x, run, &mut buffers)),
        _ => squares(read_rows::<ABREAST>(x, run, &mut buffers)),
    })
}

/// Tiles' sums of u^2.
pub fn tile_updates(update: &Update, tiles: &mut [f32]) -> Result<(), OutOfMemory> {
    sum_pass(update, tiles, UpdateSquares { grads: buffers() })
}

struct UpdateSquares {
    grads: Buffers,
}

impl Pass for UpdateSquares {
    #[inline(never)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let factors = update.factors::<ROWS, CAPPED>(run);
        let grads = read_rows::<ROWS>(update.grad, run, &mut self.grads);
        let mut sums = [F32x4::splat(0.0); ROWS];
        for_each_column(factors.cols, [grads], [], |row, col_factor, [grad], []| {
            let u = factors.update(row, grad, col_factor);
            sums[row] += u * u;
            []
        });
        total(sums)
    }
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
    param: Param,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    sum_pass(update, tiles, PlainStep { steps, param, grads: buffers(), params: buffers() })
}

struct PlainStep<'a> {
    steps: &'a Steps,
    param: Param<'a>,
    grads: Buffers,
    params: Buffers,
}

impl Pass for PlainStep<'_> {
    #[inline(never)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let &Steps { a, d, decay, .. } = self.steps;
        let (decay, over) = (F32x4::splat(decay), F32x4::splat(a / d));
        let factors = update.factors::<ROWS, CAPPED>(run);
        let grads = read_rows::<ROWS>(update.grad, run, &mut self.grads);
        let params = open_rows::<ROWS>(&mut self.param.values, run, &mut self.params);
        let mut sums = [F32x4::splat(0.0); ROWS];
        for_each_column(factors.cols, [grads], [params], |row, col_factor, [grad], [p]| {
            let u = factors.update(row, grad, col_factor);
            let p = p - decay * p - over * u;
            sums[row] += p * p;
            [p]
        });
        close_param::<ROWS>(&mut self.param, run, &self.params).unwrap_or(total(sums))
    }
}

/// momentum <- beta1 momentum + take u,  p <- p - decay p - over momentum, and tiles' sums of the new p^2.
pub fn step_momentum(
    update: &Update,
    steps: &Steps,
    param: Param,
    momentum: StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (grads, params, momenta) = (buffers(), buffers(), buffers());
    sum_pass(update, tiles, MomentumStep { steps, param, momentum, grads, params, momenta })
}

struct MomentumStep<'a> {
    steps: &'a Steps,
    param: Param<'a>,
    momentum: StoredMut<'a>,
    grads: Buffers,
    params: Buffers,
    momenta: Buffers,
}

impl Pass for MomentumStep<'_> {
    #[inline(never)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let &Steps { decay, take, over, .. } = self.steps;
        let (decay, over) = (F32x4::splat(decay), F32x4::splat(over));
        let (keep, take) = (F32x4::splat(update.block.beta1), F32x4::splat(take));
        let factors = update.factors::<ROWS, CAPPED>(run);
        let grads = read_rows::<ROWS>(update.grad, run, &mut self.grads);
        let params = open_rows::<ROWS>(&mut self.param.values, run, &mut self.params);
        let momenta = open_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta);
        let mut sums = [F32x4::splat(0.0); ROWS];
        let writes = [params, momenta];
        for_each_column(factors.cols, [grads], writes, |row, col_factor, [grad], [p, m]| {
            let u = factors.update(row, grad, col_factor);
            let m = keep * m + take * u;
            let p = p - decay * p - over * m;
            sums[row] += p * p;
            [p, m]
        });
        close_rows::<ROWS>(&mut self.momentum, run, &self.momenta, &Rounding::ToNearest);
        close_param::<ROWS>(&mut self.param, run, &self.params).unwrap_or(total(sums))
    }
}

/// momentum <- beta1 momentum + take u, and how many elements of it in each tile have, as stored, the sign of take u.
pub fn tile_momentum(
    update: &Update,
    steps: &Steps,
    momentum: StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    sum_pass(update, tiles, Momentum { steps, momentum, grads: buffers(), momenta: buffers() })
}

struct Momentum<'a> {
    steps: &'a Steps,
    momentum: StoredMut<'a>,
    grads: Buffers,
    momenta: Buffers,
}

impl Pass for Momentum<'_> {
    #[inline(never)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let (keep, take) = (F32x4::splat(update.block.beta1), F32x4::splat(self.steps.take));
        let one = F32x4::splat(1.0);
        let factors = update.factors::<ROWS, CAPPED>(run);
        let grads = read_rows::<ROWS>(update.grad, run, &mut self.grads);
        let momenta = open_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta);
        let mut counts = [F32x4::splat(0.0); ROWS];
        for_each_column(factors.cols, [grads], [momenta], |row, col_factor, [grad], [m]| {
            let taken = take * factors.update(row, grad, col_factor);
            let m = keep * m + taken;
            counts[row] += where_aligned(m, taken, one);
            [m]
        });
        let closed =
            close_rows::<ROWS>(&mut self.momentum, run, &self.momenta, &Rounding::ToNearest);
        if closed.is_none() {
            return total(counts);
        }
        let stored = open_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta);
        let stored = stored.map(|row| &*row);
        let mut counts = [F32x4::splat(0.0); ROWS];
        for_each_column(factors.cols, [grads, stored], [], |row, col_factor, [grad, m], []| {
            let taken = take * factors.update(row, grad, col_factor);
            counts[row] += where_aligned(m, taken, one);
            []
        });
        total(counts)
    }
}

/// p <- p - decay p - over momentum, momentum only where it has the sign of take u, and tiles' sums of the new p^2.
pub fn step_cautious(
    update: &Update,
    steps: &Steps,
    param: Param,
    momentum: Stored,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (grads, params, momenta) = (buffers(), buffers(), buffers());
    sum_pass(update, tiles, CautiousStep { steps, param, momentum, grads, params, momenta })
}

struct CautiousStep<'a> {
    steps: &'a Steps,
    param: Param<'a>,
    momentum: Stored<'a>,
    grads: Buffers,
    params: Buffers,
    momenta: Buffers,
}

impl Pass for CautiousStep<'_> {
    #[inline(never)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let &Steps { decay, take, over, .. } = self.steps;
        let [decay, take, over] = [decay, take, over].map(F32x4::splat);
        let factors = update.factors::<ROWS, CAPPED>(run);
        let reads = [
            read_rows::<ROWS>(update.grad, run, &mut self.grads),
            read_rows::<ROWS>(self.momentum, run, &mut self.momenta),
        ];
        let params = open_rows::<ROWS>(&mut self.param.values, run, &mut self.params);
        let mut sums = [F32x4::splat(0.0); ROWS];
        for_each_column(factors.cols, reads, [params], |row, col_factor, [grad, m], [p]| {
            let taken = take * factors.update(row, grad, col_factor);
            let p = p - decay * p - where_aligned(m, taken, over * m);
            sums[row] += p * p;
            [p]
        });
        close_param::<ROWS>(&mut self.param, run, &self.params).unwrap_or(total(sums))
    }
}

/// CAME's residuals u / d - momentum, run by run, while momentum <- beta1 momentum + take u.
pub struct Residuals<'a> {
    update: Update<'a>,
    steps: &'a Steps,
    momentum: StoredMut<'a>,
    grads: Buffers,
    momenta: Buffers,
}

impl<'a> Residuals<'a> {
    pub fn of(update: Update<'a>, steps: &'a Steps, momentum: StoredMut<'a>) -> Self {
        Self { update, steps, momentum, grads: buffers(), momenta: buffers() }
    }
}

impl Rows for Residuals<'_> {
    fn rows<'a, const ROWS: usize>(
        &'a mut self,
        run: &Run,
        residuals: &'a mut Buffers,
    ) -> [&'a [f32]; ROWS] {
        let keep = F32x4::splat(self.update.block.beta1);
        let (take, share) = (F32x4::splat(self.steps.take), F32x4::splat(1.0 / self.steps.d));
        let factors = self.update.factors::<ROWS, true>(run);
        let grads = read_rows::<ROWS>(self.update.grad, run, &mut self.grads);
        {
            let momenta = open_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta);
            let mut rows = residuals.iter_mut();
            let rows =
                core::array::from_fn(|_| &mut rows.next().expect("ROWS buffers")[..run.len()]);
            let writes = [momenta, rows];
            for_each_column(factors.cols, [grads], writes, |row, col_factor, [grad], [m, _]| {
                let u = factors.update(row, grad, col_factor);
                let m = keep * m + take * u;
                [m, share * u - m]
            });
        }
        close_rows::<ROWS>(&mut self.momentum, run, &self.momenta, &Rounding::ToNearest);
        core::array::from_fn(|row| &residuals[row][..run.len()])
    }
}

/// The sum of squares of what was stored in 16 bits, as it is now.
#[inline(always)]
fn close_param<const ROWS: usize>(param: &mut Param, run: &Run, buffers: &Buffers) -> Option<f32> {
    close_rows::<ROWS>(&mut param.values, run, buffers, &param.rounding)
}

fn squares<const ROWS: usize>(rows: [&[f32]; ROWS]) -> f32 {
    let mut sums = [F32x4::splat(0.0); ROWS];
    for_each_column(rows[0], [rows], [], |row, _, [x], []| {
        sums[row] += x * x;
        []
    });
    total(sums)
}

fn total<const ROWS: usize>(sums: [F32x4; ROWS]) -> f32 {
    sums.map(F32x4::sum).iter().sum()
}

/// `value` in the lanes where a and b have one sign, else 0.
#[inline(always)]
fn where_aligned(a: F32x4, b: F32x4, value: F32x4) -> F32x4 {
    // As if the product were above 0: what is subnormal counts as 0.
    (a * b).where_ge(F32x4::splat(f32::MIN_POSITIVE), value, F32x4::splat(0.0))
}
