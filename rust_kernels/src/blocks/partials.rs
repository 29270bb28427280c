//! The sums of a block's tiles, in the three pieces in which `partials` holds them.

use crate::blocks::block_table::Block;

/// Sums of the tiles' rows, of their columns, and of whole tiles.
pub struct Partials<T> {
    /// [batch, rows, tiles across]
    pub rows: T,
    /// [batch, tiles down, cols]
    pub cols: T,
    /// [batch, tiles down, tiles across]
    pub tiles: T,
}

impl Partials<usize> {
    /// How long each piece of a block is.
    pub fn lengths(block: &Block) -> Self {
        let (batch, down, across) = (block.batch(), block.down().tiles(), block.across().tiles());
        Self {
            rows: batch * block.rows() * across,
            cols: batch * down * block.cols(),
            tiles: batch * down * across,
        }
    }

    /// The length of all three, one after the other.
    pub fn total(&self) -> usize {
        self.rows + self.cols + self.tiles
    }

    /// The pieces of `all`, which is as long as they are together.
    pub fn split<'a>(&self, all: &'a [f32]) -> Partials<&'a [f32]> {
        let (rows, rest) = all.split_at(self.rows);
        let (cols, tiles) = rest.split_at(self.cols);
        Partials { rows, cols, tiles }
    }

    /// As `split`, to be written.
    pub fn split_mut<'a>(&self, all: &'a mut [f32]) -> Partials<&'a mut [f32]> {
        let (rows, rest) = all.split_at_mut(self.rows);
        let (cols, tiles) = rest.split_at_mut(self.cols);
        Partials { rows, cols, tiles }
    }
}
