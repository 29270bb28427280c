//! Slices of elements with their storage type.

use crate::storage::half::Half;

/// Elements that are read, in any storage type.
#[derive(Clone, Copy)]
pub enum Stored<'a> {
    F32(&'a [f32]),
    Half(Half, &'a [u16]),
}

/// Elements that are written, in any storage type.
pub enum StoredMut<'a> {
    F32(&'a mut [f32]),
    Half(Half, &'a mut [u16]),
}
