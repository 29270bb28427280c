//! A kernel's arguments, turned into slices.
//!
//! Each kernel is a safe function on slices. Beside it, in the `exports` of its file, is its WASM export, which
//! src/device/wasm/ calls: it has the kernel's name and takes the operands as pointers, then the parameters, both in the
//! order and by the names (in snake case) of the kernel's entry in src/device/kernels/. A kernel with an operand `blocks`
//! takes its parameters as a pointer to a `repr(C)` struct instead (blocks/block_operands.rs).
//! tests/device/wasm/exports_test.ts compares them all.
//!
//! Only here and in block_operands.rs does the crate trust the host, which has checked that every operand is as long as the
//! call needs and that an operand that is written is bound once (src/device/kernels/check_run.ts).

use crate::allocation::OutOfMemory;
use crate::storage::half::Half;
use crate::storage::stored::{Stored, StoredMut};
pub use wasm_bindgen::prelude::wasm_bindgen;

/// An f32 operand that is read.
pub type In = *const f32;
/// A u32 operand that is read.
pub type InU32 = *const u32;
/// An f32 operand that is written.
pub type Out = *mut f32;
/// A u32 operand that is written.
pub type OutU32 = *mut u32;

/// `count` numbers.
pub fn read_u32<'a>(pointer: InU32, count: usize) -> &'a [u32] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the host bound at least `count` elements, and nobody else writes them now.
    unsafe { core::slice::from_raw_parts(pointer, count) }
}

/// `count` indices, each below `limit` or equal to `other`; else throws, before anything is written.
pub fn read_indices<'a>(
    kernel: &str,
    indices: InU32,
    count: usize,
    limit: usize,
    other: u32,
) -> &'a [u32] {
    let indices = read_u32(indices, count);
    if let Some(index) = indices.iter().find(|&&index| index as usize >= limit && index != other) {
        wasm_bindgen::throw_str(&format!(
            "{kernel}: wanted indices below {limit}, got {index}: check them before they go to the device"
        ));
    }
    indices
}

/// `length` elements.
pub fn read<'a>(pointer: In, length: usize) -> &'a [f32] {
    read_at(pointer, 0, length)
}

/// `length` elements from `offset` on.
pub fn read_at<'a>(pointer: *const f32, offset: usize, length: usize) -> &'a [f32] {
    // An empty operand's pointer and offset may be anything.
    if length == 0 {
        return &[];
    }
    // SAFETY: the host bound at least `offset + length` elements, and nobody else writes them now.
    unsafe { core::slice::from_raw_parts(pointer.add(offset), length) }
}

/// `length` elements, to be written.
pub fn write<'a>(pointer: Out, length: usize) -> &'a mut [f32] {
    write_at(pointer, 0, length)
}

/// `length` elements from `offset` on, to be written.
pub fn write_at<'a>(pointer: Out, offset: usize, length: usize) -> &'a mut [f32] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: the host bound at least `offset + length` elements, and to no other operand of this call.
    unsafe { core::slice::from_raw_parts_mut(pointer.add(offset), length) }
}

/// `count` numbers, to be written.
pub fn write_u32<'a>(pointer: OutU32, count: usize) -> &'a mut [u32] {
    if count == 0 {
        return &mut [];
    }
    // SAFETY: the host bound at least `count` elements, and to no other operand of this call.
    unsafe { core::slice::from_raw_parts_mut(pointer, count) }
}

/// The 16-bit format with a number of src/device/storage_types.ts; None for f32.
pub fn half_format(storage: u32) -> Option<Half> {
    match storage {
        0 => None,
        1 => Some(Half::F16),
        2 => Some(Half::Bf16),
        _ => wasm_bindgen::throw_str(&format!("No storage type has the number {storage}")),
    }
}

/// Elements of any storage type; `offset` and `length` count them.
pub fn read_stored<'a>(pointer: In, storage: u32, offset: usize, length: usize) -> Stored<'a> {
    match half_format(storage) {
        None => Stored::F32(read_at(pointer, offset, length)),
        Some(half) if length == 0 => Stored::Half(half, &[]),
        Some(half) => Stored::Half(half, {
            // SAFETY: the host bound at least `offset + length` elements, and nobody else writes them now.
            unsafe { core::slice::from_raw_parts(pointer.cast::<u16>().add(offset), length) }
        }),
    }
}

/// Elements of any storage type; `offset` and `length` count them.
pub fn write_stored<'a>(pointer: Out, storage: u32, offset: usize, length: usize) -> StoredMut<'a> {
    match half_format(storage) {
        None => StoredMut::F32(write_at(pointer, offset, length)),
        Some(half) if length == 0 => StoredMut::Half(half, &mut []),
        Some(half) => StoredMut::Half(half, {
            // SAFETY: the host bound at least `offset + length` elements, and to no other operand of this call.
            unsafe { core::slice::from_raw_parts_mut(pointer.cast::<u16>().add(offset), length) }
        }),
    }
}

/// The value, or a JavaScript error that names the size; a kernel allocates before it writes.
pub fn or_throw<T>(result: Result<T, OutOfMemory>) -> T {
    match result {
        Ok(value) => value,
        Err(OutOfMemory { bytes }) => wasm_bindgen::throw_str(&format!(
            "Out of WASM memory: a kernel wants {bytes} bytes of scratch: use smaller batches, more ranks or webgpu"
        )),
    }
}
