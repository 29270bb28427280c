//! Which moves a collective is by an algorithm: its parts in bytes, and the file that writes the moves down.

use crate::schedule::Schedule;
use crate::{chain, direct, ring};

/// A collective, in elements. Counts per rank are in [`Parts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collective {
    AllReduce {
        count: u64,
    },
    /// Rank r keeps the r-th part, `counts[r]` long. Direct: as the whole result; ring: at its place.
    ReduceScatter,
    /// Rank r brings the r-th part, `counts[r]` long, as its whole values.
    AllGather,
    Broadcast {
        root: u32,
        count: u64,
    },
    Reduce {
        root: u32,
        count: u64,
    },
    /// `counts[r]` elements of the values go to rank r, `result_counts[r]` of the result come from it.
    AllToAll,
    /// No bytes: the frames' headers are the barrier.
    Barrier,
}

/// Algorithms, numbered as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Ring,
    Chain,
    Direct,
    OneShot,
    TwoShot,
}

impl Algorithm {
    pub const ALL: [Self; 5] = [
        Self::Ring,
        Self::Chain,
        Self::Direct,
        Self::OneShot,
        Self::TwoShot,
    ];
}

/// Into what parts the values and an all-to-all's result are cut, one for each rank.
pub struct Parts {
    /// In elements; to be set before `plan`.
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

    /// Writes down the moves of one rank of `ranks` = (rank, size), of elements of `unit` bytes.
    pub fn plan(
        &mut self,
        schedule: &mut Schedule,
        ranks: (u32, u32),
        unit: u64,
        (collective, algorithm): (Collective, Algorithm),
    ) {
        let (rank, size) = (ranks.0, u64::from(ranks.1));
        if let Collective::AllReduce { count } = collective {
            let even = (0..size).map(|chunk| count / size + u64::from(chunk < count % size));
            cut(&mut self.offsets, even, unit);
        } else {
            let counts = self.counts.iter().copied().map(u64::from);
            cut(&mut self.offsets, counts, unit);
        }
        let offsets = &self.offsets;
        match (collective, algorithm) {
            (Collective::AllReduce { count }, Algorithm::OneShot) => {
                direct::one_shot(schedule, ranks, count * unit);
            }
            (Collective::AllReduce { .. }, Algorithm::TwoShot) => {
                direct::two_shot(schedule, ranks, offsets);
            }
            (Collective::AllReduce { .. }, Algorithm::Ring) => {
                ring::all_reduce(schedule, rank, offsets);
            }
            (Collective::ReduceScatter, Algorithm::Direct) => {
                direct::reduce_scatter(schedule, ranks, offsets);
            }
            (Collective::ReduceScatter, Algorithm::Ring) => {
                ring::reduce_scatter(schedule, rank, offsets);
            }
            (Collective::AllGather, Algorithm::Direct) => {
                direct::all_gather(schedule, ranks, (0, offsets));
            }
            (Collective::AllGather, Algorithm::Ring) => {
                ring::all_gather(schedule, rank, (0, offsets));
            }
            (Collective::Broadcast { root, count }, Algorithm::Direct) => {
                direct::broadcast(schedule, ranks, (root, count * unit));
            }
            (Collective::Broadcast { root, count }, Algorithm::Chain) => {
                chain::broadcast(schedule, ranks, (root, count * unit));
            }
            (Collective::Reduce { root, count }, Algorithm::Direct) => {
                direct::reduce(schedule, ranks, (root, count * unit));
            }
            (Collective::AllToAll, Algorithm::Direct) => {
                let result = self.result_counts.iter().copied().map(u64::from);
                cut(&mut self.result_offsets, result, unit);
                direct::all_to_all(schedule, ranks, (offsets, &self.result_offsets));
            }
            (Collective::Barrier, Algorithm::Direct) => {}
            _ => panic!("{collective:?} has no algorithm {algorithm:?}"),
        }
    }
}

/// Sets the parts' offsets in bytes from their lengths in elements of `unit` bytes.
fn cut(offsets: &mut [u64], lengths: impl Iterator<Item = u64>, unit: u64) {
    for (part, length) in lengths.enumerate() {
        offsets[part + 1] = offsets[part] + length * unit;
    }
}
