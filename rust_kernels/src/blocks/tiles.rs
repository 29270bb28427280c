//! The order in which a pass visits a block: panel by panel (a panel is a row of tiles), in a panel row by row or a few rows
//! at once, so that memory is read in order, and in a row run by run. A run is within one tile, and its sums go to that tile
//! alone: the order in which tiles are visited changes no sum.

use crate::allocation::{OutOfMemory, scratch};
use crate::blocks::block_table::Block;
use core::ops::Range;

/// The most columns of a run: few enough that 16-bit elements widened to f32 stay in the L1 cache.
pub const RUN: usize = 1024;

/// Rows visited at once, as long as there are as many.
pub const ABREAST: usize = 4;

/// Columns `cols` of `count` rows (ABREAST or 1) of matrix b: every `apart`th from row i on.
#[derive(Clone)]
pub struct Run {
    pub b: usize,
    i: usize,
    apart: usize,
    pub count: usize,
    pub cols: Range<usize>,
    /// Its tile in the panel.
    pub tile: usize,
    /// Offset of row i's elements in the block, and the distance between rows.
    at: usize,
    stride: usize,
}

impl Run {
    /// The index in the matrix of its `row`th row.
    pub fn i(&self, row: usize) -> usize {
        self.i + row * self.apart
    }
    /// The range in the block of its `row`th row's elements.
    pub fn range(&self, row: usize) -> Range<usize> {
        let start = self.at + row * self.stride;
        start..start + self.cols.len()
    }
    /// Its `ROWS` rows, out of the block's elements.
    #[inline(always)]
    pub fn rows<'a, T, const ROWS: usize>(&self, block: &'a [T]) -> [&'a [T]; ROWS] {
        core::array::from_fn(|row| &block[self.range(row)])
    }
    /// Distance between its rows in the block.
    pub fn stride(&self) -> usize {
        self.stride
    }
    /// Columns.
    pub fn len(&self) -> usize {
        self.cols.len()
    }
}

/// A row of tiles: number `tile_row` of matrix b, with these rows of the matrix.
pub struct Panel {
    pub b: usize,
    pub tile_row: usize,
    pub rows: Range<usize>,
}

/// The runs into which each row of a block is divided.
pub struct Runs<'a> {
    block: &'a Block,
    /// A tile's number in its panel, and some of its columns.
    runs: Vec<(usize, Range<usize>)>,
}

impl<'a> Runs<'a> {
    /// The runs of a block's rows.
    pub fn of(block: &'a Block) -> Result<Self, OutOfMemory> {
        let across = block.across();
        let mut runs = Vec::new();
        for tile in 0..across.tiles() {
            let cols = across.tile(tile);
            for start in cols.clone().step_by(RUN) {
                let bytes = size_of::<(usize, Range<usize>)>() * (runs.len() + 1);
                runs.try_reserve(1).map_err(|_| OutOfMemory { bytes })?;
                runs.push((tile, start..cols.end.min(start + RUN)));
            }
        }
        Ok(Self { block, runs })
    }

    /// The panels of all matrices, in order.
    pub fn panels(&self) -> impl Iterator<Item = Panel> + use<> {
        let (batch, down) = (self.block.batch(), self.block.down());
        (0..batch).flat_map(move |b| {
            (0..down.tiles()).map(move |tile_row| Panel { b, tile_row, rows: down.tile(tile_row) })
        })
    }

    /// All runs of these rows of matrix b, a few rows at once. Those are far apart, so that each belongs to a long stretch of
    /// memory of its own, which processors prefetch.
    #[inline(always)]
    pub fn visit(&self, b: usize, rows: Range<usize>, mut f: impl FnMut(&Run)) {
        let apart = rows.len() / ABREAST;
        let one_by_one = rows.start + ABREAST * apart..rows.end;
        for i in rows.start..rows.start + apart {
            self.visit_runs(b, i, (ABREAST, apart), &mut f);
        }
        for i in one_by_one {
            self.visit_runs(b, i, (1, 1), &mut f);
        }
    }

    /// All runs of these rows of matrix b, one row after the other.
    #[inline(always)]
    pub fn visit_rows(&self, b: usize, rows: Range<usize>, mut f: impl FnMut(&Run)) {
        for i in rows {
            self.visit_runs(b, i, (1, 1), &mut f);
        }
    }

    #[inline(always)]
    fn visit_runs(
        &self,
        b: usize,
        i: usize,
        (count, apart): (usize, usize),
        f: &mut impl FnMut(&Run),
    ) {
        let cols_of_all = self.block.cols();
        let row = (b * self.block.rows() + i) * cols_of_all;
        for (tile, cols) in &self.runs {
            let (tile, cols, at) = (*tile, cols.clone(), row + cols.start);
            f(&Run { b, i, apart, count, cols, tile, at, stride: apart * cols_of_all });
        }
    }
}

/// Calls `f` for all runs of a block, one row after the other.
#[inline(always)]
pub fn for_each_row(block: &Block, mut f: impl FnMut(&Run)) -> Result<(), OutOfMemory> {
    let runs = Runs::of(block)?;
    for panel in runs.panels() {
        runs.visit_rows(panel.b, panel.rows, &mut f);
    }
    Ok(())
}

/// tiles[b, tile row, tile] = the sum of `f` over the tile's runs.
#[inline(always)]
pub fn sum_tiles(
    block: &Block,
    tiles: &mut [f32],
    mut f: impl FnMut(&Run) -> f32,
) -> Result<(), OutOfMemory> {
    sum_panels(block, tiles, |runs, panel, sums| {
        runs.visit(panel.b, panel.rows, |run| sums[run.tile] += f64::from(f(run)));
    })
}

/// As `sum_tiles`, one row after the other.
#[inline(always)]
pub fn sum_tiles_by_row(
    block: &Block,
    tiles: &mut [f32],
    mut f: impl FnMut(&Run) -> f32,
) -> Result<(), OutOfMemory> {
    sum_panels(block, tiles, |runs, panel, sums| {
        runs.visit_rows(panel.b, panel.rows, |run| sums[run.tile] += f64::from(f(run)));
    })
}

#[inline(always)]
fn sum_panels(
    block: &Block,
    tiles: &mut [f32],
    mut visit: impl FnMut(&Runs, Panel, &mut [f64]),
) -> Result<(), OutOfMemory> {
    let across = block.across().tiles();
    if across == 0 {
        return Ok(());
    }
    let runs = Runs::of(block)?;
    let mut sums = scratch::<f64>(across)?;
    for (panel, out) in runs.panels().zip(tiles.chunks_exact_mut(across)) {
        sums.fill(0.0);
        visit(&runs, panel, &mut sums);
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = sum as f32;
        }
    }
    Ok(())
}
