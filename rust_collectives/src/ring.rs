//! Ring algorithms over p ranks (Patarasu and Yuan 2009): rank r sends to r + 1 and receives from r - 1 only.
//!
//! The values are cut into p chunks; `offsets[c]..offsets[c + 1]` are chunk c's bytes, of any lengths, 0 included.
//!
//! ```text
//! reduce-scatter, step s = 0..p-1:  send chunk r-s-1, fold the arriving chunk r-s-2;  at the end chunk r is whole here
//! all-gather,     step s = 0..p-1:  send chunk r-s,   take the arriving chunk r-s-1; at the end all chunks are
//! all-reduce = reduce-scatter, then all-gather: the chunk that a step sends is the one the step before received
//! ```
//!
//! A rank sends 2 (p-1)/p of the values in an all-reduce, the least possible, over 2 (p-1) rounds. All ranks end with
//! the same bits, as each sum is finished on one rank and copied from there. Its terms are added in the order
//! c+1, c+2, ..., c for chunk c: an element's bits depend on the chunk that it lies in, so on what else shares the
//! buffer. The direct algorithms add in one order, that of a tree; a ring can only add one term after the other. Partial
//! sums travel in the element type: 16-bit floats would be rounded at every hop, so they take another algorithm.

use crate::schedule::{Schedule, Terms};

pub fn reduce_scatter(schedule: &mut Schedule, rank: u32, offsets: &[u64]) {
    let ring = Ring::new(rank, offsets);
    for step in 0..ring.size - 1 {
        match step {
            0 => schedule.send(ring.right(), ring.chunk_behind(1)),
            _ => schedule.pass_on_folded(ring.right()),
        }
        let chunk = ring.chunk_behind(step + 2);
        schedule.fold(Terms::Peer(ring.left()), chunk.0, chunk);
        schedule.receive_term(ring.left());
    }
    if let Some(fold) = schedule.folds.last_mut() {
        fold.last = true;
    }
}

/// `own` is where this rank's shard begins in the values.
pub fn all_gather(schedule: &mut Schedule, rank: u32, (own, offsets): (u64, &[u64])) {
    let ring = Ring::new(rank, offsets);
    for step in 0..ring.size - 1 {
        match step {
            0 => {
                let (begin, end) = ring.chunk_behind(0);
                schedule.send(ring.right(), (own, own + end - begin));
            }
            _ => schedule.pass_on_received(ring.right()),
        }
        schedule.receive(ring.left(), ring.chunk_behind(step + 1));
    }
}

pub fn all_reduce(schedule: &mut Schedule, rank: u32, offsets: &[u64]) {
    reduce_scatter(schedule, rank, offsets);
    let ring = Ring::new(rank, offsets);
    for step in 0..ring.size - 1 {
        match step {
            0 => schedule.pass_on_folded(ring.right()),
            _ => schedule.pass_on_received(ring.right()),
        }
        schedule.receive(ring.left(), ring.chunk_behind(step + 1));
    }
}

/// One rank's view of the ring.
struct Ring<'a> {
    rank: u32,
    size: u32,
    offsets: &'a [u64],
}

impl<'a> Ring<'a> {
    fn new(rank: u32, offsets: &'a [u64]) -> Self {
        Self {
            rank,
            size: offsets.len() as u32 - 1,
            offsets,
        }
    }

    fn right(&self) -> u32 {
        (self.rank + 1) % self.size
    }

    fn left(&self) -> u32 {
        (self.rank + self.size - 1) % self.size
    }

    /// The bytes of chunk `rank - distance`, round the ring.
    fn chunk_behind(&self, distance: u32) -> (u64, u64) {
        let chunk = ((self.rank + 2 * self.size - distance) % self.size) as usize;
        (self.offsets[chunk], self.offsets[chunk + 1])
    }
}
