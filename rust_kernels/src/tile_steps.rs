//! The passes that use the update u[b, i, j] = g[b, i, j] min(rowFactor[b, i] colFactor[b, j], cap): its sums of squares,
//! the momentum made of it, and the step. Each is one loop over f32; `stored_runs` sees to the types that are stored.

use crate::allocation::OutOfMemory;
use crate::bf16::Bf16;
use crate::bits::HALF_LANES;
use crate::block_table::{Block, Steps};
use crate::cast::{Stored, StoredMut};
use crate::changed_rows::Change;
use crate::f16::F16;
use crate::groups::for_each_column;
use crate::half::{Half, Plain, Reader, padded};
use crate::simd::F32x4;
use crate::stored_runs::{Buffers, Rounding, buffers, close_rows, open_rows, read_rows};
use crate::sums::sum_squares;
use crate::tile_sums::{Rows, squares_of_rows};
use crate::tiles::{ABREAST, Run, sum_tiles, sum_tiles_by_row};
use crate::updates::{Factors, Update};

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
    sum_pass(update, tiles, UpdateSquares)
}

struct UpdateSquares;

impl Pass for UpdateSquares {
    #[inline(always)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let factors = update.factors::<ROWS, CAPPED>(run);
        match update.grad {
            Stored::F32(x) => update_squares::<Plain, ROWS, CAPPED>(&factors, run.rows(x)),
            Stored::Half(Half::F16, x) => {
                update_squares::<F16, ROWS, CAPPED>(&factors, run.rows(x))
            }
            Stored::Half(Half::Bf16, x) => {
                update_squares::<Bf16, ROWS, CAPPED>(&factors, run.rows(x))
            }
        }
    }
}

#[inline(always)]
fn update_squares<R: Reader, const ROWS: usize, const CAPPED: bool>(
    factors: &Factors<ROWS, CAPPED>,
    grads: [&[R::Stored]; ROWS],
) -> f32 {
    let reader = R::reader();
    let mut sums = [F32x4::splat(0.0); ROWS];
    let mut eight = |cols: &[f32], grads: [&[R::Stored]; ROWS], at: usize| {
        // SAFETY: the callers below see to at + 8 <= the length of every slice.
        let (cols, grads) = unsafe { (Plain.load(cols, at), reader.load_magnitudes(grads, at)) };
        for (row, grads) in grads.into_iter().enumerate() {
            for (grad, col_factor) in grads.into_iter().zip(cols) {
                let u = factors.update(row, grad, col_factor);
                sums[row] += u * u;
            }
        }
    };
    let cols = factors.cols;
    assert!(grads.iter().all(|row| row.len() == cols.len()));
    let whole = cols.len() / HALF_LANES * HALF_LANES;
    for at in (0..whole).step_by(HALF_LANES) {
        eight(cols, grads, at);
    }
    if whole < cols.len() {
        let last = grads.map(|row| padded::<_, HALF_LANES>(&row[whole..]));
        let last = last.each_ref().map(|row| &row[..]);
        eight(&padded::<_, HALF_LANES>(&cols[whole..]), last, 0);
    }
    total(sums)
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
    let &Steps { a, d, decay, .. } = steps;
    let update = &update.times(a / d);
    let mut pass = PlainStep { decay, param, grads: buffers(), params: buffers() };
    match pass.param.values {
        StoredMut::F32(_) => sum_pass(update, tiles, pass),
        StoredMut::Half(..) => sum_tiles_by_row(update.block, tiles, |run| {
            let is_plain = decay == 0.0 && !update.reaches_cap(run);
            if is_plain { pass.plain_row(update, run) } else { pass.row(update, run) }
        }),
    }
}

/// The update is what is taken from the parameter, a / d included.
struct PlainStep<'a> {
    decay: f32,
    param: Param<'a>,
    grads: Buffers,
    params: Buffers,
}

impl Pass for PlainStep<'_> {
    #[inline(always)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        self.take::<ROWS, CAPPED>(update, run)
    }
}

impl PlainStep<'_> {
    /// A row in 16 bits, without decay and where no factor reaches the cap.
    #[inline(never)]
    fn plain_row(&mut self, update: &Update, run: &Run) -> f32 {
        let factor = update.factors::<1, false>(run).row();
        self.changed_row(update, run, move |col_factor, grad, [p]| {
            [p - factor.update(grad, col_factor)]
        })
    }

    /// A row in 16 bits.
    #[inline(never)]
    fn row(&mut self, update: &Update, run: &Run) -> f32 {
        let factor = update.factors::<1, true>(run).row();
        let decay = F32x4::splat(self.decay);
        self.changed_row(update, run, move |col_factor, grad, [p]| {
            [p - decay * p - factor.update(grad, col_factor)]
        })
    }

    #[inline(always)]
    fn changed_row(
        &mut self,
        update: &Update,
        run: &Run,
        change: impl Fn(F32x4, F32x4, [F32x4; 1]) -> [F32x4; 1] + Copy,
    ) -> f32 {
        let Param { values, rounding } = &mut self.param;
        let StoredMut::Half(format, p) = values else { unreachable!() };
        let column = update.factors::<1, true>(run).cols;
        let change = Change { run, column, rounding, change };
        let p = [&mut p[run.range(0)]];
        let sum = match (*format, update.grad) {
            (Half::F16, Stored::Half(Half::F16, g)) => {
                change.rows::<F16, F16, _>(&g[run.range(0)], p)
            }
            (Half::Bf16, Stored::Half(Half::Bf16, g)) => {
                change.rows::<Bf16, Bf16, _>(&g[run.range(0)], p)
            }
            (format, grad) => {
                let [grad] = read_rows(grad, run, &mut self.grads);
                match format {
                    Half::F16 => change.rows::<F16, Plain, _>(grad, p),
                    Half::Bf16 => change.rows::<Bf16, Plain, _>(grad, p),
                }
            }
        };
        sum.unwrap_or_else(|| self.take::<1, true>(update, run))
    }

    #[inline(always)]
    fn take<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let decay = F32x4::splat(self.decay);
        let factors = update.factors::<ROWS, CAPPED>(run);
        let grads = read_rows::<ROWS>(update.grad, run, &mut self.grads);
        let params = open_rows::<ROWS>(&mut self.param.values, run, &mut self.params);
        let mut sums = [F32x4::splat(0.0); ROWS];
        let (reads, writes) = ([grads], [params]);
        for_each_column(factors.cols, reads, writes, |row, factor, [grad], [p]| {
            let p = p - decay * p - factors.update(row, grad, factor);
            sums[row] += p * p;
            [p]
        });
        close_param::<ROWS>(&mut self.param, run, &mut self.params).unwrap_or(total(sums))
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
    let pass = MomentumStep { steps, param, momentum, grads, params, momenta };
    sum_pass(&update.times(steps.take), tiles, pass)
}

/// The update is what the momentum takes of it.
struct MomentumStep<'a> {
    steps: &'a Steps,
    param: Param<'a>,
    momentum: StoredMut<'a>,
    grads: Buffers,
    params: Buffers,
    momenta: Buffers,
}

impl Pass for MomentumStep<'_> {
    #[inline(always)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        match self.param.values {
            StoredMut::F32(_) => self.take::<ROWS, CAPPED>(update, run),
            StoredMut::Half(..) => {
                let sums: [f32; ROWS] = core::array::from_fn(|row| self.row(update, &run.row(row)));
                sums.iter().sum()
            }
        }
    }
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
        sum.unwrap_or_else(|| self.take::<1, true>(update, run))
    }

    #[inline(always)]
    fn take<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let change = self.change(update);
        let factors = update.factors::<ROWS, CAPPED>(run);
        let grads = read_rows::<ROWS>(update.grad, run, &mut self.grads);
        let params = open_rows::<ROWS>(&mut self.param.values, run, &mut self.params);
        let momenta = open_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta);
        let mut sums = [F32x4::splat(0.0); ROWS];
        let (reads, writes) = ([grads], [params, momenta]);
        for_each_column(factors.cols, reads, writes, |row, factor, [grad], old| {
            let [p, m] = change(factors.update(row, grad, factor), old);
            sums[row] += p * p;
            [p, m]
        });
        close_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta, &Rounding::ToNearest);
        close_param::<ROWS>(&mut self.param, run, &mut self.params).unwrap_or(total(sums))
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
    momentum: StoredMut,
    tiles: &mut [f32],
) -> Result<(), OutOfMemory> {
    let pass = Momentum { momentum, grads: buffers(), momenta: buffers() };
    sum_pass(&update.times(steps.take), tiles, pass)
}

/// The update is what the momentum takes of it.
struct Momentum<'a> {
    momentum: StoredMut<'a>,
    grads: Buffers,
    momenta: Buffers,
}

impl Pass for Momentum<'_> {
    #[inline(always)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let (keep, one) = (F32x4::splat(update.block.beta1), F32x4::splat(1.0));
        let factors = update.factors::<ROWS, CAPPED>(run);
        let grads = read_rows::<ROWS>(update.grad, run, &mut self.grads);
        let momenta = open_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta);
        let mut counts = [F32x4::splat(0.0); ROWS];
        for_each_column(factors.cols, [grads], [momenta], |row, col_factor, [grad], [m]| {
            let taken = factors.update(row, grad, col_factor);
            let m = keep * m + taken;
            counts[row] += where_aligned(m, taken, one);
            [m]
        });
        let rounding = &Rounding::ToNearest;
        let closed = close_rows::<ROWS>(&mut self.momentum, run, &mut self.momenta, rounding);
        let Some(stored) = closed else { return total(counts) };
        let mut counts = [F32x4::splat(0.0); ROWS];
        for_each_column(factors.cols, [grads, stored], [], |row, col_factor, [grad, m], []| {
            let taken = factors.update(row, grad, col_factor);
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
    let pass = CautiousStep { steps, param, momentum, grads, params, momenta };
    sum_pass(&update.times(steps.take), tiles, pass)
}

/// The update is what the momentum has taken of it.
struct CautiousStep<'a> {
    steps: &'a Steps,
    param: Param<'a>,
    momentum: Stored<'a>,
    grads: Buffers,
    params: Buffers,
    momenta: Buffers,
}

impl Pass for CautiousStep<'_> {
    #[inline(always)]
    fn run<const ROWS: usize, const CAPPED: bool>(&mut self, update: &Update, run: &Run) -> f32 {
        let &Steps { decay, over, .. } = self.steps;
        let [decay, over] = [decay, over].map(F32x4::splat);
        let factors = update.factors::<ROWS, CAPPED>(run);
        let reads = [
            read_rows::<ROWS>(update.grad, run, &mut self.grads),
            read_rows::<ROWS>(self.momentum, run, &mut self.momenta),
        ];
        let params = open_rows::<ROWS>(&mut self.param.values, run, &mut self.params);
        let mut sums = [F32x4::splat(0.0); ROWS];
        for_each_column(factors.cols, reads, [params], |row, col_factor, [grad, m], [p]| {
            let taken = factors.update(row, grad, col_factor);
            let p = p - decay * p - where_aligned(m, taken, over * m);
            sums[row] += p * p;
            [p]
        });
        close_param::<ROWS>(&mut self.param, run, &mut self.params).unwrap_or(total(sums))
    }
}

/// CAME's residuals u / d - momentum, run by run, while momentum <- beta1 momentum + take u.
pub struct Residuals<'a> {
    update: Update<'a>,
    steps: &'a Steps,
    momentum: StoredMut<'a>,
    grads: Buffers,
    momenta: Buffers,
    residuals: Buffers,
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

/// The sum of squares of what was stored in 16 bits, as it is now.
#[inline(always)]
fn close_param<const ROWS: usize>(
    param: &mut Param,
    run: &Run,
    buffers: &mut Buffers,
) -> Option<f32> {
    close_rows::<ROWS>(&mut param.values, run, buffers, &param.rounding).map(squares)
}

fn squares<const ROWS: usize>(rows: [&[f32]; ROWS]) -> f32 {
    rows.map(sum_squares).iter().sum()
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
