//! What a call over a run of blocks gives: the parameters of src/device/kernels.ts as they lie in memory, and the pieces of
//! the buffers that a block's record speaks of. A record that reaches beyond its buffers is an error, never a wrong access.

use crate::adafactor::block_table::{Block, MOST_PARTS};
use crate::adafactor::tile_sums::Partials;
use crate::allocation::OutOfMemory;
use crate::operands::{In, Out, or_throw, read_at, read_stored, write_at, write_stored};
use crate::storage::cast::{Stored, StoredMut};

/// Records, one after the other.
pub type Records<T> = *const T;

#[repr(C)]
pub struct BlockRun {
    pub first_block: u32,
    pub num_blocks: u32,
}

/// The tiles are all those of the blocks: there are no others to choose from.
#[repr(C)]
pub struct TileRun {
    pub blocks: BlockRun,
    pub first_tile: u32,
    pub num_tiles: u32,
    pub partials_length: u32,
}

/// The vectors are all those of the blocks.
#[repr(C)]
pub struct VectorRun {
    pub blocks: BlockRun,
    pub first_vector: u32,
    pub num_vectors: u32,
}

/// How an operand's elements are stored, and how many there are.
#[repr(C)]
pub struct Operand {
    pub storage: u32,
    pub length: u32,
}

#[repr(C)]
pub struct TileSums {
    pub run: TileRun,
    pub grad: Operand,
}

#[repr(C)]
pub struct TileParams {
    pub run: TileRun,
    pub param: Operand,
}

#[repr(C)]
pub struct JoinSums {
    pub run: VectorRun,
    pub partials_length: u32,
    pub sums_length: u32,
}

#[repr(C)]
pub struct JoinScalar {
    pub run: BlockRun,
    pub scalar: u32,
    pub partials_length: u32,
    pub sums_length: u32,
}

#[repr(C)]
pub struct ScaleGradients {
    pub run: BlockRun,
    pub slot: u32,
    pub factor: f32,
    pub max_norm: f32,
    pub sums_length: u32,
}

#[repr(C)]
pub struct Averages {
    pub run: VectorRun,
    pub gradient_scale: u32,
    pub sums_length: u32,
    pub moments_length: u32,
    pub factors_length: u32,
}

#[repr(C)]
pub struct TileUpdates {
    pub run: TileRun,
    pub grad: Operand,
    pub factors_length: u32,
}

#[repr(C)]
pub struct StepSizes {
    pub run: BlockRun,
    pub sums_length: u32,
}

#[repr(C)]
pub struct Step {
    pub run: TileRun,
    pub grad: Operand,
    pub param: Operand,
    pub factors_length: u32,
    pub stochastic: u32,
}

#[repr(C)]
pub struct StepMomentum {
    pub step: Step,
    pub momentum: Operand,
}

#[repr(C)]
pub struct TileMomentum {
    pub run: TileRun,
    pub grad: Operand,
    pub momentum: Operand,
    pub factors_length: u32,
}

/// A call's parameters, which the host put there.
pub fn params<'a, T>(pointer: *const T) -> &'a T {
    // SAFETY: the host wrote as many words as the kernel has parameters, which T has one by one.
    unsafe { &*pointer }
}

/// Record `index`.
pub fn record<'a, T>(records: Records<T>, index: usize) -> &'a T {
    // SAFETY: the host bound records up to the end of the run (src/device/extents.ts).
    unsafe { &*records.add(index) }
}

/// Calls `f` for every block of the run with its place in the plan.
pub fn for_each_block(
    blocks: Records<Block>,
    run: &BlockRun,
    mut f: impl FnMut(&Block, usize) -> Result<(), OutOfMemory>,
) {
    for index in run.first_block..run.first_block + run.num_blocks {
        let block = record(blocks, index as usize);
        check_cut(block, index);
        or_throw(f(block, index as usize));
    }
}

fn check_cut(block: &Block, index: u32) {
    let cuts = [
        ("batch", block.batch, block.parts_batch, 1, block.batch_inner),
        ("rows", block.rows, block.parts_down, block.tile_rows, block.row_inner),
        ("cols", block.cols, block.parts_across, block.tile_cols, block.col_inner),
    ];
    for (axis, length, parts, tile, inner) in cuts {
        if parts == 0 || parts as usize > MOST_PARTS || length % parts != 0 {
            wasm_bindgen::throw_str(&format!(
                "Block {index}: wanted 1 to {MOST_PARTS} equal parts of its {length} {axis}, got {parts}"
            ));
        }
        if tile == 0 || inner == 0 {
            wasm_bindgen::throw_str(&format!(
                "Block {index}: wanted tiles of some {axis} and an inner length of them, got {tile} and {inner}"
            ));
        }
    }
}

/// A vector of f32, and how many elements it has.
#[derive(Clone, Copy)]
pub struct Vector<Pointer> {
    pub name: &'static str,
    pub pointer: Pointer,
    pub length: u32,
}

impl Vector<In> {
    pub fn read<'a>(&self, offset: u32, length: usize) -> &'a [f32] {
        check(self.name, self.length, offset, length);
        read_at(self.pointer, offset as usize, length)
    }
}

impl Vector<Out> {
    pub fn write<'a>(&self, offset: u32, length: usize) -> &'a mut [f32] {
        check(self.name, self.length, offset, length);
        write_at(self.pointer, offset as usize, length)
    }
}

impl Operand {
    pub fn read<'a>(&self, pointer: In, offset: u32, length: usize) -> Stored<'a> {
        check("gradients, parameters or momentum", self.length, offset, length);
        read_stored(pointer, self.storage, offset as usize, length)
    }
    pub fn write<'a>(&self, pointer: Out, offset: u32, length: usize) -> StoredMut<'a> {
        check("parameters or momentum", self.length, offset, length);
        write_stored(pointer, self.storage, offset as usize, length)
    }
}

impl TileRun {
    /// A block's piece of `partials`.
    pub fn partials<'a>(&self, pointer: Out, block: &Block) -> Partials<'a> {
        let lengths = block.partials_lengths();
        let vector = Vector { name: "partials", pointer, length: self.partials_length };
        let all = vector.write(block.partials, lengths.rows + lengths.cols + lengths.tiles);
        let (rows, rest) = all.split_at_mut(lengths.rows);
        let (cols, tiles) = rest.split_at_mut(lengths.cols);
        Partials { rows, cols, tiles }
    }
}

fn check(name: &str, has: u32, offset: u32, length: usize) {
    if length as u64 + u64::from(offset) > u64::from(has) {
        wasm_bindgen::throw_str(&format!(
            "A block wants {length} elements of {name} from {offset} on, but the call says that there are {has}: \
             lay out the blocks within their buffers"
        ));
    }
}
