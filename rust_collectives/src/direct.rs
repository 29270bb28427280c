//! Direct algorithms over p ranks: every rank sends to every other, over as few rounds as there can be.
//!
//! ```text
//!                  rounds  bytes that a rank sends
//! one-shot            1    (p-1) n         all values go to all; each folds them itself
//! two-shot            2    2 (p-1)/p n     chunk c of all goes to rank c, which folds it; then it goes to all
//! reduce-scatter      1    n - own part
//! all-gather          1    (p-1) own shard
//! broadcast, reduce   1    (p-1) n at the root; n at each other rank
//! all-to-all          1    all that is not its own
//! ```
//!
//! A fold adds the terms of ranks 0, 1, ..., p-1 as the same tree (reduce.rs) wherever an element lies, so its bits do not
//! depend on what else shares the buffer, nor on how a power of two of parts lies on ranks, and 16-bit floats are rounded
//! once. One-shot gives the same bits on every rank because all compute the same expression; the others because the
//! result is copied.
//!
//! Rank r begins with r + 1, so that not all send to the same rank at first.

use crate::schedule::{Schedule, Terms};

pub fn one_shot(schedule: &mut Schedule, ranks: (u32, u32), bytes: u64) {
    for peer in peers(ranks) {
        schedule.send(peer, (0, bytes));
    }
    fold_all(schedule, ranks, (0, (0, bytes)));
}

pub fn two_shot(schedule: &mut Schedule, ranks: (u32, u32), offsets: &[u64]) {
    let own = chunk(offsets, ranks.0);
    for peer in peers(ranks) {
        schedule.send(peer, chunk(offsets, peer));
    }
    fold_all(schedule, ranks, (own.0, own));
    for peer in peers(ranks) {
        schedule.pass_on_folded(peer);
        schedule.receive(peer, chunk(offsets, peer));
    }
}

/// The result is this rank's part alone.
pub fn reduce_scatter(schedule: &mut Schedule, ranks: (u32, u32), offsets: &[u64]) {
    let (begin, end) = chunk(offsets, ranks.0);
    for peer in peers(ranks) {
        schedule.send(peer, chunk(offsets, peer));
    }
    fold_all(schedule, ranks, (begin, (0, end - begin)));
}

/// `own` is where this rank's shard begins in the values.
pub fn all_gather(schedule: &mut Schedule, ranks: (u32, u32), (own, offsets): (u64, &[u64])) {
    let (begin, end) = chunk(offsets, ranks.0);
    for peer in peers(ranks) {
        schedule.send(peer, (own, own + end - begin));
        schedule.receive(peer, chunk(offsets, peer));
    }
}

pub fn broadcast(schedule: &mut Schedule, ranks: (u32, u32), (root, bytes): (u32, u64)) {
    if ranks.0 != root {
        return schedule.receive(root, (0, bytes));
    }
    for peer in peers(ranks) {
        schedule.send(peer, (0, bytes));
    }
}

pub fn reduce(schedule: &mut Schedule, ranks: (u32, u32), (root, bytes): (u32, u64)) {
    if ranks.0 != root {
        return schedule.send(root, (0, bytes));
    }
    fold_all(schedule, ranks, (0, (0, bytes)));
}

/// Part r of the values goes to rank r; part r of the result comes from it. This rank's own part is no move.
pub fn all_to_all(schedule: &mut Schedule, ranks: (u32, u32), (values, result): (&[u64], &[u64])) {
    for peer in peers(ranks) {
        schedule.send(peer, chunk(values, peer));
        schedule.receive(peer, chunk(result, peer));
    }
}

fn fold_all(schedule: &mut Schedule, ranks: (u32, u32), (own, place): (u64, (u64, u64))) {
    schedule.fold(Terms::AllRanks, own, place);
    for peer in peers(ranks) {
        schedule.receive_term(peer);
    }
}

fn chunk(offsets: &[u64], index: u32) -> (u64, u64) {
    (offsets[index as usize], offsets[index as usize + 1])
}

/// All ranks but this one, from the next one on.
fn peers((rank, size): (u32, u32)) -> impl Iterator<Item = u32> {
    (1..size).map(move |distance| (rank + distance) % size)
}
