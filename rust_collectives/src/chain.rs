//! Broadcast along a chain from the root: root, root + 1, ..., root - 1, each passing bytes on as they come.
//!
//! Every rank sends and receives the values at most once, so a long broadcast runs at the speed of one connection
//! whatever the number of ranks; a short one takes p - 1 hops.

use crate::schedule::Schedule;

pub fn broadcast(schedule: &mut Schedule, (rank, size): (u32, u32), (root, bytes): (u32, u64)) {
    let distance = (rank + size - root) % size;
    let right = (rank + 1) % size;
    if distance > 0 {
        schedule.receive((rank + size - 1) % size, (0, bytes));
    }
    match distance {
        _ if distance + 1 == size => {}
        0 => schedule.send(right, (0, bytes)),
        _ => schedule.pass_on_received(right),
    }
}
