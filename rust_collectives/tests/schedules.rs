//! Whole groups of executors joined by byte queues in one process: every collective, every size, odd counts, any order
//! of delivery, reads as short as one byte. Sums are checked against plain sums of small integers, which are exact.

use rust_collectives::executor::{Collective, Executor, Target};
use std::collections::VecDeque;

const SEGMENT: usize = 5;

struct Group {
    executors: Vec<Executor>,
    values: Vec<Vec<u8>>,
    /// `wires[from][to]`: bytes on their way.
    wires: Vec<Vec<VecDeque<u8>>>,
    sent: Vec<u64>,
}

impl Group {
    fn new(values: Vec<Vec<u8>>) -> Self {
        let size = values.len();
        Self {
            executors: (0..size)
                .map(|rank| Executor::new(rank as u32, size as u32, SEGMENT))
                .collect(),
            values,
            wires: vec![vec![VecDeque::new(); size]; size],
            sent: vec![0; size],
        }
    }

    fn run(&mut self, collective: Collective, random: &mut Random) {
        for executor in &mut self.executors {
            executor.begin(collective);
        }
        let size = self.executors.len();
        let mut idle = 0;
        while idle < 64 * size * size {
            let (rank, peer) = (random.below(size), random.below(size));
            let limit = 1 + random.below(40) as u64;
            let moved = match random.below(2) {
                0 => self.send(rank, peer, limit),
                _ => self.receive(rank, peer, limit),
            };
            idle = if moved { 0 } else { idle + 1 };
        }
        for (rank, executor) in self.executors.iter().enumerate() {
            for peer in 0..size {
                assert_eq!(
                    executor.next_receive(peer as u32),
                    None,
                    "rank {rank} waits for {peer} in {collective:?}"
                );
                assert_eq!(executor.next_send(peer as u32), None);
                assert!(
                    self.wires[rank][peer].is_empty(),
                    "bytes are left over after {collective:?}"
                );
            }
        }
    }

    fn send(&mut self, rank: usize, peer: usize, limit: u64) -> bool {
        let Some((begin, end)) = self.executors[rank].next_send(peer as u32) else {
            return false;
        };
        let bytes = limit.min(end - begin);
        self.wires[rank][peer].extend(&self.values[rank][begin as usize..(begin + bytes) as usize]);
        self.executors[rank].sent(peer as u32, bytes);
        self.sent[rank] += bytes;
        true
    }

    fn receive(&mut self, rank: usize, peer: usize, limit: u64) -> bool {
        let executor = &mut self.executors[rank];
        let wire = &mut self.wires[peer][rank];
        let Some(target) = executor.next_receive(peer as u32) else {
            return false;
        };
        if wire.is_empty() {
            return false;
        }
        let space = match target {
            Target::Values { begin, end } => end - begin,
            Target::Landing { begin, end } => (end - begin) as u64,
        };
        let bytes = limit.min(space).min(wire.len() as u64) as usize;
        let arrived: Vec<u8> = wire.drain(..bytes).collect();
        match target {
            Target::Values { begin, .. } => {
                self.values[rank][begin as usize..begin as usize + bytes].copy_from_slice(&arrived);
            }
            Target::Landing { begin, .. } => {
                as_bytes(executor.landing())[begin..begin + bytes].copy_from_slice(&arrived)
            }
        }
        if let Some((begin, end)) = executor.received(peer as u32, bytes as u64) {
            let (begin, end) = (begin as usize, end as usize);
            as_bytes(executor.operand())[..end - begin]
                .copy_from_slice(&self.values[rank][begin..end]);
            executor.add(peer as u32);
            self.values[rank][begin..end]
                .copy_from_slice(&as_bytes(executor.operand())[..end - begin]);
        }
        true
    }

    fn floats(&self, rank: usize) -> Vec<f32> {
        self.values[rank]
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect()
    }
}

#[test]
fn all_reduce_sums_everywhere_and_sends_the_least_possible() {
    let mut random = Random(1);
    for size in 1..=9 {
        for count in counts(size) {
            let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
            group.run(
                Collective::AllReduce {
                    count: count as u64,
                },
                &mut random,
            );
            for rank in 0..size {
                assert_eq!(
                    group.floats(rank),
                    sums(size, count),
                    "{size} ranks, {count} values, rank {rank}"
                );
            }
            let total: u64 = group.sent.iter().sum();
            assert_eq!(total, 2 * (size as u64 - 1) * count as u64 * 4);
        }
    }
}

#[test]
fn all_ranks_get_the_same_bits_when_terms_cancel() {
    for size in 2..=7 {
        for (big, minus_big) in (0..size)
            .flat_map(|a| (0..size).map(move |b| (a, b)))
            .filter(|(a, b)| a != b)
        {
            let term = |rank| {
                if rank == big {
                    1e30
                } else if rank == minus_big {
                    -1e30
                } else {
                    1e-7
                }
            };
            let mut group = Group::new((0..size).map(|rank| floats(&[term(rank); 11])).collect());
            group.run(Collective::AllReduce { count: 11 }, &mut Random(7));
            for rank in 1..size {
                assert_eq!(group.values[rank], group.values[0]);
            }
        }
    }
}

#[test]
fn reduce_scatter_leaves_each_rank_the_sum_of_its_uneven_part() {
    let mut random = Random(2);
    for size in 1..=9 {
        for shape in 0..4 {
            let parts = uneven(size, shape);
            let count = parts.iter().sum::<u32>() as usize;
            let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
            group.run(Collective::ReduceScatter { counts: &parts }, &mut random);
            let mut begin = 0;
            for (rank, &part) in parts.iter().enumerate() {
                let end = begin + part as usize;
                assert_eq!(
                    group.floats(rank)[begin..end],
                    sums(size, count)[begin..end],
                    "{parts:?}, rank {rank}"
                );
                begin = end;
            }
        }
    }
}

#[test]
fn all_gather_brings_every_uneven_part_to_every_rank() {
    let mut random = Random(3);
    for size in 1..=9 {
        for shape in 0..4 {
            let parts = uneven(size, shape);
            let count = parts.iter().sum::<u32>() as usize;
            let whole = values(0, count);
            let mut begin = 0;
            let starts = parts.iter().map(|&part| {
                let mut start = vec![0; whole.len()];
                let end = begin + 4 * part as usize;
                start[begin..end].copy_from_slice(&whole[begin..end]);
                begin = end;
                start
            });
            let mut group = Group::new(starts.collect());
            group.run(Collective::AllGather { counts: &parts }, &mut random);
            assert!(
                group.values.iter().all(|values| *values == whole),
                "{parts:?}"
            );
        }
    }
}

#[test]
fn broadcast_brings_the_roots_values_to_every_rank() {
    let mut random = Random(4);
    for size in 1..=9 {
        for root in 0..size {
            for count in [0, 1, 13] {
                let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
                group.run(
                    Collective::Broadcast {
                        root: root as u32,
                        count: count as u64,
                    },
                    &mut random,
                );
                assert!((0..size).all(|rank| group.values[rank] == values(root, count)));
                assert!(group.sent.iter().all(|&sent| sent <= 4 * count as u64));
            }
        }
    }
}

#[test]
fn no_rank_leaves_a_barrier_before_the_last_has_come() {
    for size in 2..=9 {
        for absent in 0..size {
            let mut group = Group::new(vec![vec![0; size]; size]);
            for (rank, executor) in group.executors.iter_mut().enumerate() {
                if rank != absent {
                    executor.begin(Collective::Barrier);
                }
            }
            let mut random = Random(5);
            for _ in 0..5000 {
                let (rank, peer) = (random.below(size), random.below(size));
                if rank != absent {
                    group.send(rank, peer, 1);
                    group.receive(rank, peer, 1);
                }
            }
            for rank in (0..size).filter(|&rank| rank != absent) {
                assert!(
                    (0..size).any(|peer| group.executors[rank].next_receive(peer as u32).is_some())
                );
            }
        }
    }
}

#[test]
fn one_executor_runs_collectives_one_after_the_other() {
    let mut group = Group::new((0..3).map(|rank| values(rank, 7)).collect());
    let mut random = Random(6);
    group.run(Collective::AllReduce { count: 7 }, &mut random);
    group.run(Collective::Barrier, &mut random);
    group.run(Collective::AllReduce { count: 7 }, &mut random);
    // The barrier works on its own bytes in the driver; here it has spoiled the first three of 28.
    assert_eq!(
        group.floats(1)[1..],
        sums(3, 7).iter().map(|sum| 3.0 * sum).collect::<Vec<_>>()[1..]
    );
}

fn counts(size: usize) -> Vec<usize> {
    vec![0, 1, size - 1, size, size + 1, 13, 97, 211]
}

fn uneven(size: usize, shape: u32) -> Vec<u32> {
    let size = size as u32;
    (0..size)
        .map(|rank| match shape {
            0 => 0,
            1 => rank,
            2 => u32::from(rank == size - 1) * 17,
            _ => (rank * 7 + 3) % 11,
        })
        .collect()
}

fn term(rank: usize, index: usize) -> f32 {
    ((rank + 1) * (index % 100 + 1)) as f32
}

fn values(rank: usize, count: usize) -> Vec<u8> {
    floats(
        &(0..count)
            .map(|index| term(rank, index))
            .collect::<Vec<_>>(),
    )
}

fn sums(size: usize, count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| (0..size).map(|rank| term(rank, index)).sum())
        .collect()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn as_bytes(floats: &mut [f32]) -> &mut [u8] {
    // SAFETY: every bit pattern is a valid u8, and the lengths in bytes agree.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), 4 * floats.len()) }
}

/// A small repeatable generator (xorshift), so that a failing order of delivery can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize % limit
    }
}
