//! The records of src/device/block_table.ts, with the same fields in the same order, and the tiles of a block.

use core::ops::Range;

/// The most parts that an axis may have.
pub const MOST_PARTS: usize = 8;

/// A block [batch, rows, cols]; src/device/block_table.ts describes the fields.
#[repr(C)]
pub struct Block {
    pub batch: u32,
    pub rows: u32,
    pub cols: u32,
    pub global_rows: f32,
    pub global_cols: f32,
    pub global_count: f32,
    pub parts_batch: u32,
    pub parts_down: u32,
    pub parts_across: u32,
    pub tile_rows: u32,
    pub tile_cols: u32,
    pub first_tile: u32,
    pub first_vector: u32,
    pub grad_offset: u32,
    pub param_offset: u32,
    pub momentum_offset: u32,
    pub second_moment_offset: u32,
    pub moments: u32,
    pub factors: u32,
    pub partials: u32,
    pub row_sums: u32,
    pub col_sums: u32,
    pub totals: u32,
    pub gradient_squares: u32,
    pub update_squares: u32,
    pub param_squares: u32,
    pub aligned: u32,
    pub batch_slots: u32,
    pub first_batch_slot: u32,
    pub row_slots: u32,
    pub first_row_slot: u32,
    pub eps1: f32,
    pub mean_floor: f32,
    pub factor_cap: f32,
    pub scale_parameter: u32,
    pub scale_floor: f32,
    pub scale_ceiling: f32,
    pub clip_threshold: f32,
    pub beta1: f32,
    pub rate_after_momentum: u32,
    pub cautious: u32,
    pub batch_begin: u32,
    pub batch_inner: u32,
    pub batch_inner_global: u32,
    pub row_begin: u32,
    pub row_inner: u32,
    pub row_inner_global: u32,
    pub col_begin: u32,
    pub col_inner: u32,
    pub col_inner_global: u32,
    pub index_rows: u32,
    pub index_cols: u32,
}

/// Numbers of a block that change from step to step.
#[repr(C)]
pub struct Numbers {
    pub take: f32,
    pub rate: f32,
    pub decay_times_step: f32,
    pub decay_absolute: f32,
    pub key: u32,
}

/// The step sizes of a block, from adafactor_step_sizes.
#[repr(C)]
pub struct Steps {
    pub a: f32,
    pub d: f32,
    pub decay: f32,
    pub take: f32,
    pub over: f32,
    pub share: f32,
    pub param_rms: f32,
    pub update_rms: f32,
    pub key: u32,
}

/// A step of AdamW.
#[repr(C)]
pub struct AdamwStep {
    pub step_size: f32,
    pub root_correction: f32,
    pub decay: f32,
    pub take: f32,
    pub take_squares: f32,
    pub eps: f32,
    pub key: u32,
}

/// One axis of a block: equal parts, each divided into tiles, the last of which may be shorter.
#[derive(Clone, Copy)]
pub struct Axis {
    pub length: usize,
    pub parts: usize,
    /// Length of a tile.
    pub extent: usize,
}

impl Axis {
    fn part_length(&self) -> usize {
        self.length / self.parts
    }
    /// Tiles of a part.
    pub fn tiles_per_part(&self) -> usize {
        self.part_length().div_ceil(self.extent)
    }
    /// Tiles of all parts.
    pub fn tiles(&self) -> usize {
        self.parts * self.tiles_per_part()
    }
    /// The range of tile `tile`.
    pub fn tile(&self, tile: usize) -> Range<usize> {
        let part = tile / self.tiles_per_part();
        let start = part * self.part_length() + tile % self.tiles_per_part() * self.extent;
        start..(start + self.extent).min((part + 1) * self.part_length())
    }
    /// The tiles of part `part`.
    pub fn tiles_of(&self, part: usize) -> Range<usize> {
        part * self.tiles_per_part()..(part + 1) * self.tiles_per_part()
    }
}

impl Block {
    /// Matrices.
    pub fn batch(&self) -> usize {
        self.batch as usize
    }
    /// Rows of a matrix.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }
    /// Columns of a matrix.
    pub fn cols(&self) -> usize {
        self.cols as usize
    }
    /// Elements.
    pub fn count(&self) -> usize {
        self.batch() * self.rows() * self.cols()
    }
    /// The axis of rows.
    pub fn down(&self) -> Axis {
        let (parts, extent) = (self.parts_down as usize, self.tile_rows as usize);
        Axis { length: self.rows(), parts, extent }
    }
    /// The axis of columns.
    pub fn across(&self) -> Axis {
        let (parts, extent) = (self.parts_across as usize, self.tile_cols as usize);
        Axis { length: self.cols(), parts, extent }
    }
    /// Slots of a scalar of the block.
    pub fn slots(&self) -> usize {
        self.batch_slots as usize * self.row_slots as usize
    }
    /// Index in the whole parameter of row (b, i), to which a column's is added.
    pub fn global_row(&self, b: usize, i: usize) -> u32 {
        let b = global(b, self.batch_begin, self.batch_inner, self.batch_inner_global);
        let i = global(i, self.row_begin, self.row_inner, self.row_inner_global);
        b.wrapping_mul(self.index_rows).wrapping_add(i).wrapping_mul(self.index_cols)
    }
    /// The index that column j adds, and how many columns from j on have consecutive indices.
    pub fn global_col(&self, j: usize) -> (u32, usize) {
        let inner = self.col_inner as usize;
        (global(j, self.col_begin, self.col_inner, self.col_inner_global), inner - j % inner)
    }
}

fn global(i: usize, begin: u32, inner: u32, inner_global: u32) -> u32 {
    let i = i as u32;
    (i / inner).wrapping_mul(inner_global).wrapping_add(begin).wrapping_add(i % inner)
}
