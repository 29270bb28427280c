//! Broadcast along a chain from the root: root, root + 1, ..., root - 1, each passing bytes on as they come.
//!
//! Every rank sends and receives the values at most once, so a long broadcast runs at the speed of one connection
//! whatever the number of ranks; a short one takes p - 1 hops.

use crate::schedule::{Action, Schedule};

pub fn broadcast(schedule: &mut Schedule, rank: u32, size: u32, root: u32, bytes: u64) {
    let distance = (rank + size - root) % size;
    if distance > 0 {
        schedule.receive((rank + size - 1) % size, (0, bytes), Action::Copy);
    }
    if distance + 1 < size {
        schedule.send((rank + 1) % size, (0, bytes));
    }
}
