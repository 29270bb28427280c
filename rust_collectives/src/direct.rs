//! Direct algorithms over p ranks: every rank sends to every other, in the fewest possible rounds.
//!
//! ```text
//!                  rounds  bytes that a rank sends
//! one-shot            1    (p-1) n         all values are sent to all ranks; each folds them itself
//! two-shot            2    2 (p-1)/p n     chunk c of every rank is sent to rank c, which folds it and sends it to all
//! reduce-scatter      1    n - own part
//! all-gather          1    (p-1) own shard
//! broadcast, reduce   1    (p-1) n at the root; n at each other rank
//! all-to-all          1    all that is not its own
//! ```
//!
//! A fold adds the terms of ranks 0, 1, ..., p-1 as the same tree (reduce.rs) at every place of the buffer. So an element's
//! bits do not depend on what else is in the buffer, nor on how a power of two of parts is distributed over ranks, and
//! 16-bit floats are rounded once. One-shot gives the same bits on every rank because all compute the same expression; the
//! others because the result is copied.
//!
//! Rank r begins with r + 1, so that the ranks do not all send to the same one first.

use crate::algorithm::{Algorithm, to_all};
use crate::collective::{Op, Task};
use crate::schedule::{Schedule, Terms};

pub static DIRECT: Algorithm = Algorithm {
    name: "direct",
    collectives: &[
        (Op::ReduceScatter, reduce_scatter),
        (Op::AllGather, all_gather),
        (Op::Broadcast, broadcast),
        (Op::Barrier, barrier),
        (Op::Reduce, reduce),
        (Op::AllToAll, all_to_all),
    ],
    sends: to_all,
    passes_partial_sums: false,
};

pub static ONE_SHOT: Algorithm = Algorithm {
    name: "one-shot",
    collectives: &[(Op::AllReduce, one_shot)],
    sends: to_all,
    passes_partial_sums: false,
};

pub static TWO_SHOT: Algorithm = Algorithm {
    name: "two-shot",
    collectives: &[(Op::AllReduce, two_shot)],
    sends: to_all,
    passes_partial_sums: false,
};

fn one_shot(schedule: &mut Schedule, task: &Task) {
    for peer in peers(task) {
        schedule.send(peer, (0, task.bytes));
    }
    fold_all(schedule, task, (0, (0, task.bytes)));
}

fn two_shot(schedule: &mut Schedule, task: &Task) {
    let own = chunk(task.offsets, task.rank);
    for peer in peers(task) {
        schedule.send(peer, chunk(task.offsets, peer));
    }
    fold_all(schedule, task, (own.0, own));
    for peer in peers(task) {
        schedule.pass_on_folded(peer);
        schedule.receive(peer, chunk(task.offsets, peer));
    }
}

/// The result is this rank's part alone.
fn reduce_scatter(schedule: &mut Schedule, task: &Task) {
    let (begin, end) = chunk(task.offsets, task.rank);
    for peer in peers(task) {
        schedule.send(peer, chunk(task.offsets, peer));
    }
    fold_all(schedule, task, (begin, (0, end - begin)));
}

fn all_gather(schedule: &mut Schedule, task: &Task) {
    let (begin, end) = chunk(task.offsets, task.rank);
    for peer in peers(task) {
        schedule.send(peer, (0, end - begin));
        schedule.receive(peer, chunk(task.offsets, peer));
    }
}

fn broadcast(schedule: &mut Schedule, task: &Task) {
    if task.rank != task.root {
        return schedule.receive(task.root, (0, task.bytes));
    }
    for peer in peers(task) {
        schedule.send(peer, (0, task.bytes));
    }
}

fn barrier(_: &mut Schedule, _: &Task) {}

fn reduce(schedule: &mut Schedule, task: &Task) {
    if task.rank != task.root {
        return schedule.send(task.root, (0, task.bytes));
    }
    fold_all(schedule, task, (0, (0, task.bytes)));
}

/// Sends part r of the values to rank r and receives part r of the result from it. This rank's own part needs no move.
fn all_to_all(schedule: &mut Schedule, task: &Task) {
    for peer in peers(task) {
        schedule.send(peer, chunk(task.offsets, peer));
        schedule.receive(peer, chunk(task.result_offsets, peer));
    }
}

fn fold_all(schedule: &mut Schedule, task: &Task, (own, place): (u64, (u64, u64))) {
    schedule.fold(Terms::AllRanks, own, place);
    for peer in peers(task) {
        schedule.receive_term(peer);
    }
}

fn chunk(offsets: &[u64], index: u32) -> (u64, u64) {
    (offsets[index as usize], offsets[index as usize + 1])
}

/// All ranks but this one, from the next one on.
fn peers(&Task { rank, size, .. }: &Task) -> impl Iterator<Item = u32> {
    (1..size).map(move |distance| (rank + distance) % size)
}
