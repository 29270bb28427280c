//! A parameter with its rounding, as steps change it.

use crate::blocks::stored_runs::{Buffers, Rounding, store_rows};
use crate::blocks::tiles::Run;
use crate::simd::sums::sum_squares;
use crate::storage::stored::StoredMut;

/// The elements of a parameter, and their rounding where they are stored in 16 bits.
pub struct Param<'a> {
    pub values: StoredMut<'a>,
    pub rounding: Rounding<'a>,
}

impl Param<'_> {
    /// Stores a row from `load_rows_mut`; the sum of the squares of its elements as rounded, None for f32.
    #[inline(always)]
    pub fn store(&mut self, run: &Run, buffers: &mut Buffers<1>) -> Option<f32> {
        let [row] = store_rows::<1>(&mut self.values, run, buffers, &self.rounding)?;
        Some(sum_squares(row))
    }
}
