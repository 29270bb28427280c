//! The interface of an algorithm, and the table of all algorithms.
//!
//! An algorithm is one file, like ring.rs, that ends up here as one entry: its name, a function for every collective that
//! it can run, which ranks exchange frames, and whether partial sums travel. Its index in the table is its number on the
//! wire, so new entries are appended and none is removed. JavaScript reads the table through wasm.rs; nothing of it is
//! repeated there.

use crate::collective::{Op, Task};
use crate::schedule::Schedule;
use crate::{chain, direct, ring};

/// All algorithms, by their number on the wire.
pub static ALGORITHMS: [&Algorithm; 5] = [
    &ring::RING,
    &chain::CHAIN,
    &direct::DIRECT,
    &direct::ONE_SHOT,
    &direct::TWO_SHOT,
];

/// Adds the moves of one rank to its schedule.
pub type WriteMoves = fn(&mut Schedule, &Task);

/// One way to run some of the collectives.
pub struct Algorithm {
    /// As in tables of algorithms and in error messages.
    pub name: &'static str,
    /// The collectives that it can run, and how.
    pub collectives: &'static [(Op, WriteMoves)],
    /// True if rank `from` of `size` sends a frame to `to`, even one without payload.
    pub sends: fn(from: u32, to: u32, size: u32) -> bool,
    /// True if partial sums travel from rank to rank: they are rounded to the element type at every hop, and a
    /// reduce-scatter needs a result as long as the values, with this rank's part at its place.
    pub passes_partial_sums: bool,
}

impl Algorithm {
    /// Its schedule of `op`; `None` if it cannot run it.
    pub fn moves_of(&self, op: Op) -> Option<WriteMoves> {
        let mut known = self.collectives.iter();
        known
            .find(|(known, _)| *known == op)
            .map(|&(_, write)| write)
    }
}

/// For `Algorithm::sends`: every rank sends to every other.
pub fn to_all(from: u32, to: u32, _: u32) -> bool {
    from != to
}

/// For `Algorithm::sends`: every rank sends to the next one, round the ring.
pub fn to_next(from: u32, to: u32, size: u32) -> bool {
    to == (from + 1) % size
}

impl PartialEq for Algorithm {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Algorithm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}
