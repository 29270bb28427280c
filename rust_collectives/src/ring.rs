//! Ring algorithms over p ranks (Patarasu and Yuan 2009): rank r sends to r + 1 and receives from r - 1 only.
//!
//! The values are split into p chunks; chunk c is bytes `offsets[c]..offsets[c + 1]`, of any length, 0 included.
//!
//! ```text
//! reduce-scatter, step s = 0..p-1:  send chunk r-s-1, receive and fold chunk r-s-2;  at the end chunk r is complete
//! all-gather,     step s = 0..p-1:  send chunk r-s,   receive chunk r-s-1;           at the end all chunks are
//! all-reduce = reduce-scatter, then all-gather: the chunk that a step sends is the one the step before received
//! ```
//!
//! A rank sends 2 (p-1)/p of the values in an all-reduce, the least possible, over 2 (p-1) rounds. All ranks end with
//! the same bits, as each sum is finished on one rank and copied from there. The terms of chunk c are added in the order
//! c+1, c+2, ..., c: an element's bits depend on its chunk, and so on what else is in the buffer. The direct algorithms
//! always add as the same tree; a ring can only add one term after the other. Partial sums are sent in the element type:
//! 16-bit floats would be rounded at every hop, so they take another algorithm.

use crate::algorithm::{Algorithm, to_next};
use crate::collective::{Op, Task};
use crate::schedule::{Schedule, Terms};

pub static RING: Algorithm = Algorithm {
    name: "ring",
    collectives: &[
        (Op::AllReduce, all_reduce),
        (Op::ReduceScatter, reduce_scatter),
        (Op::AllGather, all_gather),
    ],
    sends: to_next,
    passes_partial_sums: true,
};

fn all_reduce(schedule: &mut Schedule, task: &Task) {
    reduce_scatter(schedule, task);
    let ring = Ring::of(task);
    for step in 0..ring.size - 1 {
        match step {
            0 => schedule.pass_on_folded(ring.right()),
            _ => schedule.pass_on_received(ring.right()),
        }
        schedule.receive(ring.left(), ring.chunk_behind(step + 1));
    }
}

fn reduce_scatter(schedule: &mut Schedule, task: &Task) {
    let ring = Ring::of(task);
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

fn all_gather(schedule: &mut Schedule, task: &Task) {
    let ring = Ring::of(task);
    for step in 0..ring.size - 1 {
        match step {
            0 => {
                let (begin, end) = ring.chunk_behind(0);
                schedule.send(ring.right(), (0, end - begin));
            }
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
    fn of(task: &Task<'a>) -> Self {
        Self {
            rank: task.rank,
            size: task.size,
            offsets: task.offsets,
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
