//! Rows of a head packed block by block, for the register tiles of ops/panels.rs.

use crate::allocation::{OutOfMemory, scratch};
use crate::ops::attention::shape::KEYS;
use crate::ops::panels::{Lanes, TILE_ROWS, blocks, pack};
use core::ops::Range;

/// The rows of a head in blocks of `KEYS`, each packed into panels.
pub struct PackedBlocks {
    data: Vec<f32>,
    block_size: usize,
}

impl PackedBlocks {
    /// Every block of `KEYS` rows `width` long: panels of 4 rows along their elements.
    pub fn rows(source: Lanes, length: usize, width: usize) -> Result<Self, OutOfMemory> {
        let mut packed = Self::empty(length, KEYS * width)?;
        for keys in blocks(0..length, KEYS) {
            pack::<TILE_ROWS>(source, keys.clone(), 0..width, packed.block_mut(&keys));
        }
        Ok(packed)
    }

    /// Every block of `KEYS` rows `width` long: panels of 4 elements along the rows.
    pub fn columns(source: Lanes, length: usize, width: usize) -> Result<Self, OutOfMemory> {
        let mut packed = Self::empty(length, KEYS * width.next_multiple_of(TILE_ROWS))?;
        for keys in blocks(0..length, KEYS) {
            pack::<TILE_ROWS>(source, 0..width, keys.clone(), packed.block_mut(&keys));
        }
        Ok(packed)
    }

    fn empty(length: usize, block_size: usize) -> Result<Self, OutOfMemory> {
        Ok(Self { data: scratch(length.div_ceil(KEYS) * block_size)?, block_size })
    }

    /// The block that begins at row `rows.start`.
    pub fn block(&self, rows: &Range<usize>) -> &[f32] {
        let begin = rows.start / KEYS * self.block_size;
        &self.data[begin..begin + self.block_size]
    }

    fn block_mut(&mut self, rows: &Range<usize>) -> &mut [f32] {
        let begin = rows.start / KEYS * self.block_size;
        &mut self.data[begin..begin + self.block_size]
    }
}
