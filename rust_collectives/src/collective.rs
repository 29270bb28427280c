//! A collective on one rank: its parts in bytes, and the moves that an algorithm makes of it.

use crate::algorithm::Algorithm;
use crate::schedule::Schedule;

/// Collectives, numbered as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    AllReduce,
    /// Rank r keeps the r-th part, `counts[r]` long: as the whole result, or at its place if partial sums travel.
    ReduceScatter,
    /// Rank r brings the r-th part, `counts[r]` long, as its whole values.
    AllGather,
    Broadcast,
    /// No bytes: the frames' headers are the barrier.
    Barrier,
    Reduce,
    /// `counts[r]` elements of the values go to rank r, `result_counts[r]` of the result come from it.
    AllToAll,
}

impl Op {
    pub const ALL: [Self; 7] = [
        Self::AllReduce,
        Self::ReduceScatter,
        Self::AllGather,
        Self::Broadcast,
        Self::Barrier,
        Self::Reduce,
        Self::AllToAll,
    ];
}

/// A collective, in elements. Counts per rank are in [`Parts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collective {
    pub op: Op,
    /// Of a broadcast or reduce; else 0.
    pub root: u32,
    /// Elements of the values of an all-reduce, broadcast or reduce; else not used.
    pub count: u64,
}

/// One rank's part in a collective, in bytes: what an algorithm turns into moves.
pub struct Task<'a> {
    pub rank: u32,
    pub size: u32,
    pub root: u32,
    /// Length of the values of an all-reduce, broadcast or reduce.
    pub bytes: u64,
    /// Part r of the values is `offsets[r]..offsets[r + 1]`; of an all-reduce, even parts.
    pub offsets: &'a [u64],
    /// Part r of an all-to-all's result.
    pub result_offsets: &'a [u64],
}

/// The parts of the values and of an all-to-all's result, one for each rank.
pub struct Parts {
    /// In elements; to be set before `write_moves`.
    pub counts: Vec<u32>,
    pub result_counts: Vec<u32>,
    /// In bytes.
    offsets: Vec<u64>,
    result_offsets: Vec<u64>,
}

impl Parts {
    pub fn of(ranks: usize) -> Self {
        Self {
            counts: vec![0; ranks],
            result_counts: vec![0; ranks],
            offsets: vec![0; ranks + 1],
            result_offsets: vec![0; ranks + 1],
        }
    }

    /// Adds the moves of one rank of `ranks` = (rank, size), for elements of `unit` bytes.
    pub fn write_moves(
        &mut self,
        schedule: &mut Schedule,
        (rank, size): (u32, u32),
        unit: u64,
        (collective, algorithm): (Collective, &Algorithm),
    ) {
        let Collective { op, root, count } = collective;
        let Some(write) = algorithm.moves_of(op) else {
            panic!("the algorithm {algorithm:?} cannot run {op:?}");
        };
        if op == Op::AllReduce {
            let ranks = u64::from(size);
            let even = (0..ranks).map(|part| count / ranks + u64::from(part < count % ranks));
            set_offsets(&mut self.offsets, even, unit);
        } else {
            let counts = self.counts.iter().copied().map(u64::from);
            set_offsets(&mut self.offsets, counts, unit);
        }
        if op == Op::AllToAll {
            let counts = self.result_counts.iter().copied().map(u64::from);
            set_offsets(&mut self.result_offsets, counts, unit);
        }
        let task = Task {
            rank,
            size,
            root,
            bytes: count * unit,
            offsets: &self.offsets,
            result_offsets: &self.result_offsets,
        };
        write(schedule, &task);
    }
}

/// Sets the parts' offsets in bytes from their lengths in elements of `unit` bytes.
fn set_offsets(offsets: &mut [u64], lengths: impl Iterator<Item = u64>, unit: u64) {
    for (part, length) in lengths.enumerate() {
        offsets[part + 1] = offsets[part] + length * unit;
    }
}
