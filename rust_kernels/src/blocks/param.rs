//! A parameter that a step changes.

use crate::blocks::stored_runs::{Buffers, Rounding, close_rows};
use crate::blocks::tiles::Run;
use crate::simd::sums::sum_squares;
use crate::storage::stored::StoredMut;

/// A parameter, and how it is rounded where it is stored in 16 bits.
pub struct Param<'a> {
    pub values: StoredMut<'a>,
    pub rounding: Rounding<'a>,
}

impl Param<'_> {
    /// The sum of squares of a row that `open_rows` gave, as it is now, where it is stored in 16 bits.
    #[inline(always)]
    pub fn close(&mut self, run: &Run, buffers: &mut Buffers<1>) -> Option<f32> {
        let [row] = close_rows::<1>(&mut self.values, run, buffers, &self.rounding)?;
        Some(sum_squares(row))
    }
}
