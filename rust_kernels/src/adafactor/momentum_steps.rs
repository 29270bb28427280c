//! What a running average of updates is used for, momentum <- beta1 momentum + take u: the step by it, the cautious one, and
//! CAME's residuals.

use crate::adafactor::block_table::Steps;
use crate::adafactor::changed_rows::Change;
use crate::adafactor::stored_runs::{Buffers, Rounding, buffers, close_rows, open_rows, read_rows};
use crate::adafactor::tile_steps::Param;
use crate::adafactor::tile_sums::{Rows, squares_of_rows};
use crate::adafactor::tiles::{ABREAST, Run, sum_tiles_by_row};
use crate::adafactor::updates::Update;
use crate::allocation::OutOfMemory;
use crate::simd::groups::for_each_column;
use crate::simd::lanes::F32x4;
use crate::storage::bf16::Bf16;
use crate::storage::cast::{Stored, StoredMut};
use crate::storage::f16::F16;
use crate::storage::half::{Half, Plain};

/// momentum <- beta1 momentum + take u,  p <- p - decay p - over momentum, and tiles' sums of the new p^2.
pub fn step_momentum(
    update: &Update,
    steps: &Steps,
    param: Param,
    momentum: StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (grads, params, momenta) = (buffers(), buffers(), buffers());
    let update = &update.times(steps.take);
    let mut pass = MomentumStep { steps, param, momentum, grads, params, momenta };
    sum_tiles_by_row(update.block, tiles, |run| match pass.param.values {
        StoredMut::F32(_) => pass.take(update, run),
        StoredMut::Half(..) => pass.row(update, run),
    })
}

/// The update is what the momentum takes of it.
struct MomentumStep<'a> {
    steps: &'a Steps,
    param: Param<'a>,
    momentum: StoredMut<'a>,
    grads: Buffers<1>,
    params: Buffers<1>,
    momenta: Buffers<1>,
}

impl MomentumStep<'_> {
    /// A row in 16 bits.
    #[inline(never)]
    fn row(&mut self, update: &Update, run: &Run) -> f32 {
        let change = self.change(update);
        let factors = update.factors::<1, true>(run);
        let factor = factors.row();
        let change = move |col_factor, grad, old| change(factor.update(grad, col_factor), old);
        let Param { values, rounding } = &mut self.param;
        let at = run.range(0);
        let change = Change { run, column: factors.cols, rounding, change };
        let sum = match (values, &mut self.momentum, update.grad) {
            (
                StoredMut::Half(Half::F16, p),
                StoredMut::Half(Half::F16, m),
                Stored::Half(Half::F16, g),
            ) => change.rows::<F16, F16, _>(&g[at.clone()], [&mut p[at.clone()], &mut m[at]]),
            (
                StoredMut::Half(Half::Bf16, p),
                StoredMut::Half(Half::Bf16, m),
                Stored::Half(Half::Bf16, g),
            ) => change.rows::<Bf16, Bf16, _>(&g[at.clone()], [&mut p[at.clone()], &mut m[at]]),
            _ => None,
        };
        sum.unwrap_or_else(|| self.take(update, run))
    }

    /// A row of any types.
    #[inline(always)]
    fn take(&mut self, update: &Update, run: &Run) -> f32 {
        let change = self.change(update);
        let factors = update.factors::<1, true>(run);
        let grad = read_rows::<1>(update.grad, run, &mut self.grads);
        let param = open_rows::<1>(&mut self.param.values, run, &mut self.params);
        let momentum = open_rows::<1>(&mut self.momentum, run, &mut self.momenta);
        let mut sum = F32x4::splat(0.0);
        for_each_column(factors.cols, [grad], [param, momentum], |_, factor, [grad], old| {
            let [p, m] = change(factors.update(0, grad, factor), old);
            sum += p * p;
            [p, m]
        });
        close_rows::<1>(&mut self.momentum, run, &mut self.momenta, &Rounding::ToNearest);
        self.param.close(run, &mut self.params).unwrap_or(sum.sum())
    }

    #[inline(always)]
    fn change(&self, update: &Update) -> impl Fn(F32x4, [F32x4; 2]) -> [F32x4; 2] + Copy + use<> {
        let &Steps { decay, over, .. } = self.steps;
        let (decay, over) = (F32x4::splat(decay), F32x4::splat(over));
        let keep = F32x4::splat(update.block.beta1);
        move |taken, [p, m]| {
            let m = keep * m + taken;
            [p - decay * p - over * m, m]
        }
    }
}

/// momentum <- beta1 momentum + take u, and how many elements of it in each tile have, as stored, the sign of take u.
pub fn tile_momentum(
    update: &Update,
    steps: &Steps,
    mut momentum: StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let (mut grads, mut momenta) = (buffers::<1>(), buffers::<1>());
    let keep = F32x4::splat(update.block.beta1);
    let one = F32x4::splat(1.0);
    let update = &update.times(steps.take);
    sum_tiles_by_row(update.block, tiles, |run| {
        let factors = update.factors::<1, true>(run);
        let grad = read_rows::<1>(update.grad, run, &mut grads);
        let open = open_rows::<1>(&mut momentum, run, &mut momenta);
        let mut count = F32x4::splat(0.0);
        for_each_column(factors.cols, [grad], [open], |_, factor, [grad], [m]| {
            let taken = factors.update(0, grad, factor);
            let m = keep * m + taken;
            count += where_aligned(m, taken, one);
            [m]
        });
        let closed = close_rows::<1>(&mut momentum, run, &mut momenta, &Rounding::ToNearest);
        let Some(stored) = closed else { return count.sum() };
        let mut count = F32x4::splat(0.0);
        for_each_column(factors.cols, [grad, stored], [], |_, factor, [grad, m], []| {
            count += where_aligned(m, factors.update(0, grad, factor), one);
            []
        });
        count.sum()
    })
}

/// p <- p - decay p - over momentum, momentum only where it has the sign of take u, and tiles' sums of the new p^2.
pub fn step_cautious(
    update: &Update,
    steps: &Steps,
    mut param: Param,
    momentum: Stored,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let [mut grads, mut params, mut momenta] = [buffers::<1>(); 3];
    let [decay, over] = [steps.decay, steps.over].map(F32x4::splat);
    let update = &update.times(steps.take);
    sum_tiles_by_row(update.block, tiles, |run| {
        let factors = update.factors::<1, true>(run);
        let reads = [
            read_rows::<1>(update.grad, run, &mut grads),
            read_rows::<1>(momentum, run, &mut momenta),
        ];
        let open = open_rows::<1>(&mut param.values, run, &mut params);
        let mut sum = F32x4::splat(0.0);
        for_each_column(factors.cols, reads, [open], |_, factor, [grad, m], [p]| {
            let taken = factors.update(0, grad, factor);
            let p = p - decay * p - where_aligned(m, taken, over * m);
            sum += p * p;
            [p]
        });
        param.close(run, &mut params).unwrap_or(sum.sum())
    })
}

/// CAME's residuals u / d - momentum, run by run, while momentum <- beta1 momentum + take u.
pub struct Residuals<'a> {
    update: Update<'a>,
    steps: &'a Steps,
    momentum: StoredMut<'a>,
    grads: Buffers<ABREAST>,
    momenta: Buffers<ABREAST>,
    residuals: Buffers<ABREAST>,
}

impl<'a> Residuals<'a> {
    pub fn of(update: Update<'a>, steps: &'a Steps, momentum: StoredMut<'a>) -> Self {
        let (grads, momenta, residuals) = (buffers(), buffers(), buffers());
        Self { update, steps, momentum, grads, momenta, residuals }
    }
}

impl Rows for Residuals<'_> {
    fn squares<const ROWS: usize>(&mut self, run: &Run, columns: &mut [f32]) -> [f32; ROWS] {
        let keep = F32x4::splat(self.update.block.beta1);
        let (take, share) = (F32x4::splat(self.steps.take), F32x4::splat(1.0 / self.steps.d));
        let factors = self.update.factors::<ROWS, true>(run);
        let grads = read_rows::<ROWS>(self.update.grad, run, &mut self.grads);
        let momenta = open_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta);
        let mut rows = self.residuals.iter_mut();
        let rows = core::array::from_fn(|_| &mut rows.next().expect("ROWS buffers")[..run.len()]);
        let (reads, writes) = ([grads], [momenta, rows]);
        for_each_column(factors.cols, reads, writes, |row, factor, [grad], [m, _]| {
            let u = factors.update(row, grad, factor);
            let m = keep * m + take * u;
            [m, share * u - m]
        });
        close_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta, &Rounding::ToNearest);
        let rows = core::array::from_fn(|row| &self.residuals[row][..run.len()]);
        squares_of_rows::<Plain, ROWS>(rows, columns)
    }
}

/// `value` in the lanes where a and b have one sign, else 0.
#[inline(always)]
fn where_aligned(a: F32x4, b: F32x4, value: F32x4) -> F32x4 {
    // As if the product were above 0: what is subnormal counts as 0.
    (a * b).where_ge(F32x4::splat(f32::MIN_POSITIVE), value, F32x4::splat(0.0))
}
