//! The operands and parameters of a kernel that works on a run of blocks: the words of its parameters as src/device/kernels/
//! has them, and the elements of each buffer that a block's record points at. A record that reaches beyond its buffers is an
//! error, never a wrong access.

use crate::allocation::OutOfMemory;
use crate::blocks::block_table::MOST_PARTS;
pub use crate::blocks::block_table::{Block, Numbers, Steps};
use crate::blocks::partials::Partials;
use crate::operands::{In, InU32, Out, or_throw, read_at, read_stored, write_at, write_stored};
use crate::storage::stored::{Stored, StoredMut};

/// Consecutive records.
pub type Records<T> = *const T;

/// A run of blocks: consecutive records.
#[repr(C)]
pub struct BlockRun {
    pub first_block: u32,
    pub num_blocks: u32,
}

/// A run of blocks with all of its tiles.
#[repr(C)]
pub struct TileRun {
    pub blocks: BlockRun,
    pub first_tile: u32,
    pub num_tiles: u32,
    pub partials_length: u32,
}

/// A run of blocks with all of its vectors.
#[repr(C)]
pub struct VectorRun {
    pub blocks: BlockRun,
    pub first_vector: u32,
    pub num_vectors: u32,
}

/// The storage type of an operand's elements, and their number.
#[repr(C)]
pub struct StoredOperand {
    pub storage: u32,
    pub length: u32,
}

/// A call's parameters.
pub fn read_params<'a, T>(pointer: *const T) -> &'a T {
    // SAFETY: the host wrote as many words as the kernel has parameters, which are the fields of T one by one.
    unsafe { &*pointer }
}

/// Record `index`.
pub fn read_record<'a, T>(records: Records<T>, index: usize) -> &'a T {
    // SAFETY: the host bound records up to the end of the run.
    unsafe { &*records.add(index) }
}

/// Writes record `index`.
pub fn write_record<T>(records: *mut T, index: usize, record: T) {
    // SAFETY: the host bound records up to the end of the run, and to no other operand of this call.
    unsafe { records.add(index).write(record) };
}

/// Whether the guard is set: nothing may change then.
pub fn is_set(guard: InU32) -> bool {
    // SAFETY: the host bound at least one element.
    unsafe { *guard != 0 }
}

/// Sets or clears the guard.
pub fn set_guard(guard: *mut u32, value: bool) {
    // SAFETY: the host bound at least one element, and to no other operand of this call.
    unsafe { *guard = value.into() };
}

/// Calls `f` for every block of the run, with its index among the records.
pub fn for_each_block(
    blocks: Records<Block>,
    run: &BlockRun,
    mut f: impl FnMut(&Block, usize) -> Result<(), OutOfMemory>,
) {
    for index in run.first_block..run.first_block + run.num_blocks {
        let block = read_record(blocks, index as usize);
        check_parts(block, index);
        or_throw(f(block, index as usize));
    }
}

fn check_parts(block: &Block, index: u32) {
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

/// A buffer of f32 with its length.
#[derive(Clone, Copy)]
pub struct Vector<Pointer> {
    name: &'static str,
    pointer: Pointer,
    length: u32,
}

impl<Pointer> Vector<Pointer> {
    /// `name` is for errors.
    pub fn new(name: &'static str, pointer: Pointer, length: u32) -> Self {
        Self { name, pointer, length }
    }
}

impl Vector<In> {
    /// A block's sums in `partials`, which this is.
    pub fn partials<'a>(&self, block: &Block) -> Partials<&'a [f32]> {
        let lengths = Partials::lengths(block);
        lengths.split(self.read(block.partials, lengths.total()))
    }
    /// `length` elements from `offset` on.
    pub fn read<'a>(&self, offset: u32, length: usize) -> &'a [f32] {
        check(self.name, self.length, offset, length);
        read_at(self.pointer, offset as usize, length)
    }
}

impl Vector<Out> {
    /// `length` elements from `offset` on.
    pub fn write<'a>(&self, offset: u32, length: usize) -> &'a mut [f32] {
        check(self.name, self.length, offset, length);
        write_at(self.pointer, offset as usize, length)
    }
}

impl StoredOperand {
    /// `length` elements from `offset` on.
    pub fn read<'a>(&self, pointer: In, offset: u32, length: usize) -> Stored<'a> {
        check("gradients, parameters or momentum", self.length, offset, length);
        read_stored(pointer, self.storage, offset as usize, length)
    }
    /// `length` elements from `offset` on.
    pub fn write<'a>(&self, pointer: Out, offset: u32, length: usize) -> StoredMut<'a> {
        check("parameters or momentum", self.length, offset, length);
        write_stored(pointer, self.storage, offset as usize, length)
    }
}

impl TileRun {
    /// A block's sums in `partials`.
    pub fn partials<'a>(&self, pointer: Out, block: &Block) -> Partials<&'a mut [f32]> {
        let lengths = Partials::lengths(block);
        let vector = Vector::new("partials", pointer, self.partials_length);
        lengths.split_mut(vector.write(block.partials, lengths.total()))
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
