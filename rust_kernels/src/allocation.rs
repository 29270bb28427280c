//! Memory for the host's buffers, and scratch memory within a kernel. Running out is a value, not a trap.

use std::alloc::{Layout, alloc, dealloc};
use wasm_bindgen::prelude::*;

/// Buffers begin at a multiple of this.
const ALIGNMENT: usize = 16;

/// Allocates `bytes` bytes (more than 0), 16-byte aligned; null if there is no memory. Contents are undefined.
#[wasm_bindgen]
pub fn allocate(bytes: usize) -> *mut u8 {
    match Layout::from_size_align(bytes, ALIGNMENT) {
        // SAFETY: the layout is not of size 0.
        Ok(layout) if bytes > 0 => unsafe { alloc(layout) },
        _ => core::ptr::null_mut(),
    }
}

/// Frees memory from `allocate(bytes)`.
#[wasm_bindgen]
pub fn release(pointer: *mut u8, bytes: usize) {
    // SAFETY: the host gives back a pointer and a size from `allocate`, where the layout was valid.
    unsafe { dealloc(pointer, Layout::from_size_align_unchecked(bytes, ALIGNMENT)) };
}

/// No memory for this many bytes of scratch.
#[derive(Debug)]
pub struct OutOfMemory {
    pub bytes: usize,
}

/// `len` zeros for use within one kernel.
pub fn scratch<T: Copy + Default>(len: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(len).map_err(|_| OutOfMemory { bytes: len * size_of::<T>() })?;
    vec.resize(len, T::default());
    Ok(vec)
}
