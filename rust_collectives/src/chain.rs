//! Broadcast along a chain from the root: root, root + 1, ..., root - 1, each forwarding bytes as they arrive.
//!
//! Every rank sends and receives the values at most once, so a long broadcast runs at the speed of one connection
//! whatever the number of ranks; a short one takes p - 1 hops.

use crate::algorithm::{Algorithm, to_next};
use crate::collective::{Op, Task};
use crate::schedule::Schedule;

pub static CHAIN: Algorithm = Algorithm {
    name: "chain",
    collectives: &[(Op::Broadcast, broadcast)],
    sends: to_next,
    passes_partial_sums: false,
};

fn broadcast(schedule: &mut Schedule, task: &Task) {
    let (rank, size, whole) = (task.rank, task.size, (0, task.bytes));
    let distance = (rank + size - task.root) % size;
    let right = (rank + 1) % size;
    if distance > 0 {
        schedule.receive((rank + size - 1) % size, whole);
    }
    match distance {
        _ if distance + 1 == size => {}
        0 => schedule.send(right, whole),
        _ => schedule.pass_on_received(right),
    }
}
