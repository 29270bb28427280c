//! Elements in memory with the type that they are stored in.

use crate::storage::half::Half;

/// Elements in memory that are read, and how they are stored.
#[derive(Clone, Copy)]
pub enum Stored<'a> {
    F32(&'a [f32]),
    Half(Half, &'a [u16]),
}

/// Elements in memory that are written, and how they are stored.
pub enum StoredMut<'a> {
    F32(&'a mut [f32]),
    Half(Half, &'a mut [u16]),
}
