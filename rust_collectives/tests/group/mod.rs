//! A whole group of executors joined by byte queues in one process, in any order of delivery, with reads as short as one
//! byte; or in rounds, to count them.

#![allow(dead_code)] // Each test file uses its part.

use rust_collectives::algorithm::{ALGORITHMS, Algorithm};
use rust_collectives::collective::{Collective, Op};
use rust_collectives::direct::{ONE_SHOT, TWO_SHOT};
use rust_collectives::element::{ElementType, Reduction};
use rust_collectives::executor::{Executor, Offer, Target};
use rust_collectives::ring::RING;
use std::collections::VecDeque;

pub const SEGMENT: usize = 64;
pub const ROOM: usize = 104;
pub const SIZES: [usize; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16];
pub static ALL_REDUCE: [&Algorithm; 3] = [&ONE_SHOT, &TWO_SHOT, &RING];

/// Every algorithm of the table that can run `op`.
pub fn algorithms_of(op: Op) -> impl Iterator<Item = &'static Algorithm> {
    let all = ALGORITHMS.into_iter();
    all.filter(move |algorithm| algorithm.moves_of(op).is_some())
}

/// One call, the same on all ranks.
#[derive(Clone, Debug)]
pub struct Call {
    pub collective: Collective,
    pub algorithm: &'static Algorithm,
    pub dtype: ElementType,
    pub reduction: Reduction,
    /// Per rank; for an all-to-all the elements from each rank to each.
    pub counts: Vec<Vec<u32>>,
}

impl Call {
    pub fn all_reduce(count: usize, algorithm: &'static Algorithm) -> Self {
        Self::rooted((Op::AllReduce, algorithm), 0, count)
    }

    /// A collective with a count, from or to `root`.
    pub fn rooted(what: (Op, &'static Algorithm), root: usize, count: usize) -> Self {
        let mut call = Self::new(what, &[]);
        (call.collective.root, call.collective.count) = (root as u32, count as u64);
        call
    }

    /// A collective with a count for each rank.
    pub fn new((op, algorithm): (Op, &'static Algorithm), counts: &[u32]) -> Self {
        Self {
            collective: Collective {
                op,
                root: 0,
                count: 0,
            },
            algorithm,
            dtype: ElementType::F32,
            reduction: Reduction::Sum,
            counts: vec![counts.to_vec()],
        }
    }

    pub fn of(mut self, dtype: ElementType, reduction: Reduction) -> Self {
        (self.dtype, self.reduction) = (dtype, reduction);
        self
    }
}

pub struct Group {
    pub executors: Vec<Executor>,
    pub values: Vec<Vec<u8>>,
    /// `None` where the result replaces the values.
    results: Vec<Option<Vec<u8>>>,
    /// `wires[from][to]`: bytes on their way.
    pub wires: Vec<Vec<VecDeque<u8>>>,
    checked: Vec<Vec<bool>>,
    pub sent: Vec<u64>,
}

impl Group {
    /// In place.
    pub fn new(values: Vec<Vec<u8>>) -> Self {
        Self::with_room(values, (ROOM, SEGMENT))
    }

    /// With so much room for each peer's terms, of which at most so much is folded at a time.
    pub fn with_room(values: Vec<Vec<u8>>, room_and_segment: (usize, usize)) -> Self {
        let size = values.len();
        let new = |rank| Executor::new(rank as u32, size as u32, room_and_segment);
        Self {
            executors: (0..size).map(new).collect(),
            results: vec![None; size],
            values,
            wires: vec![vec![VecDeque::new(); size]; size],
            checked: vec![vec![false; size]; size],
            sent: vec![0; size],
        }
    }

    /// With results of their own, which begin as `results`.
    pub fn out_of_place(values: Vec<Vec<u8>>, results: Vec<Vec<u8>>) -> Self {
        let mut group = Self::new(values);
        group.results = results.into_iter().map(Some).collect();
        group
    }

    pub fn begin(&mut self, call: &Call) {
        for rank in 0..self.executors.len() {
            self.begin_rank(rank, call);
        }
    }

    pub fn begin_rank(&mut self, rank: usize, call: &Call) {
        let executor = &mut self.executors[rank];
        match call.collective.op {
            Op::AllToAll => {
                executor.counts().copy_from_slice(&call.counts[rank]);
                for (from, counts) in call.counts.iter().enumerate() {
                    executor.result_counts()[from] = counts[rank];
                }
            }
            Op::ReduceScatter | Op::AllGather => {
                executor.counts().copy_from_slice(&call.counts[0]);
            }
            _ => {}
        }
        let kind = (call.dtype, call.reduction);
        executor.begin(call.collective, call.algorithm, kind);
    }

    pub fn run(&mut self, call: &Call, random: &mut Random) {
        self.begin(call);
        self.run_on(random, |_| {});
        self.assert_finished(call);
    }

    /// Moves in any order until nothing moves for long; `between` is called after each try.
    pub fn run_on(&mut self, random: &mut Random, mut between: impl FnMut(&mut Self)) {
        let size = self.executors.len();
        let mut idle = 0;
        while idle < 64 * size * size {
            let (rank, peer) = (random.below(size), random.below(size));
            let limit = 1 + random.below(40) as u64;
            let moved = match random.below(3) {
                0 => self.send(rank, peer, limit),
                1 => self.receive(rank, peer, limit),
                _ => self.fold(rank),
            };
            idle = if moved { 0 } else { idle + 1 };
            between(self);
        }
    }

    /// Runs in rounds, in each of which all is sent that was there before it; returns how many had bytes in them.
    pub fn rounds(&mut self, call: &Call) -> usize {
        self.begin(call);
        let size = self.executors.len();
        let pairs = || (0..size).flat_map(move |rank| (0..size).map(move |peer| (rank, peer)));
        for round in 0.. {
            let mut moved = false;
            for (rank, peer) in pairs() {
                while self.send(rank, peer, u64::MAX) {
                    moved = true;
                }
            }
            if !moved {
                self.assert_finished(call);
                return round;
            }
            // Folding makes room for the rest of a wire's bytes.
            while pairs().fold(false, |any, (rank, peer)| {
                self.receive(rank, peer, u64::MAX) | self.fold(rank) | any
            }) {}
        }
        unreachable!()
    }

    fn assert_finished(&mut self, call: &Call) {
        let size = self.executors.len();
        for (rank, executor) in self.executors.iter_mut().enumerate() {
            assert_eq!(executor.next_fold(), None);
            for peer in 0..size {
                let next = executor.next_receive(peer as u32);
                assert_eq!(next, None, "rank {rank} waits for {peer} in {call:?}");
                assert_eq!(executor.next_send(peer as u32), None);
                assert!(self.wires[rank][peer].is_empty(), "bytes are left over");
            }
        }
    }

    /// Adds checksums to the moves between these two ranks.
    pub fn check(&mut self, one: usize, other: usize) {
        self.checked[one][other] = true;
        self.checked[other][one] = true;
        self.executors[one].check(other as u32);
        self.executors[other].check(one as u32);
    }

    /// With keyed sums.
    pub fn authenticate(&mut self, one: usize, other: usize) {
        self.checked[one][other] = true;
        self.checked[other][one] = true;
        let key = |from: usize, to: usize| [(16 * from + to) as u8; 32];
        let (there, back) = (key(one, other), key(other, one));
        self.executors[one].authenticate(other as u32, (&there, &back));
        self.executors[other].authenticate(one as u32, (&back, &there));
    }

    pub fn send(&mut self, rank: usize, peer: usize, limit: u64) -> bool {
        let executor = &mut self.executors[rank];
        let Some(offer) = executor.next_send(peer as u32) else {
            return false;
        };
        let (begin, end, from) = match offer {
            Offer::Own { begin, end } => (begin as usize, end as usize, &self.values[rank]),
            Offer::Result { begin, end } => {
                let result = self.results[rank].as_ref();
                let from = result.unwrap_or(&self.values[rank]);
                (begin as usize, end as usize, from)
            }
            Offer::Trailer { begin, end } => {
                let bytes = limit.min((end - begin) as u64) as usize;
                let from = &as_bytes(executor.trailers())[begin..begin + bytes];
                self.wires[rank][peer].extend(from);
                executor.sent(peer as u32, bytes as u64);
                return true;
            }
        };
        let bytes = limit.min((end - begin) as u64) as usize;
        let from = &from[begin..begin + bytes];
        self.wires[rank][peer].extend(from);
        if self.checked[rank][peer] {
            for part in from.chunks(SEGMENT) {
                as_bytes(executor.operand())[..part.len()].copy_from_slice(part);
                executor.sum_sent(peer as u32, part.len());
            }
        }
        executor.sent(peer as u32, bytes as u64);
        self.sent[rank] += bytes as u64;
        true
    }

    pub fn receive(&mut self, rank: usize, peer: usize, limit: u64) -> bool {
        let executor = &mut self.executors[rank];
        let wire = &mut self.wires[peer][rank];
        let Some(target) = executor.next_receive(peer as u32) else {
            return false;
        };
        let (begin, end) = match target {
            Target::Result { begin, end } => (begin as usize, end as usize),
            Target::Landing { begin, end } | Target::Trailer { begin, end } => (begin, end),
            Target::Full => return false,
        };
        let bytes = limit.min((end - begin) as u64).min(wire.len() as u64) as usize;
        if bytes == 0 {
            return false;
        }
        let arrived: Vec<u8> = wire.drain(..bytes).collect();
        let place = match target {
            Target::Landing { .. } => as_bytes(executor.landing()),
            Target::Trailer { .. } => as_bytes(executor.trailers()),
            _ => self.results[rank]
                .as_mut()
                .unwrap_or(&mut self.values[rank]),
        };
        place[begin..begin + bytes].copy_from_slice(&arrived);
        if self.checked[rank][peer] && matches!(target, Target::Result { .. }) {
            for part in arrived.chunks(SEGMENT) {
                as_bytes(executor.operand())[..part.len()].copy_from_slice(part);
                executor.sum_received(peer as u32, part.len());
            }
        }
        executor.received(peer as u32, bytes as u64);
        true
    }

    pub fn fold(&mut self, rank: usize) -> bool {
        let executor = &mut self.executors[rank];
        let Some(segment) = executor.next_fold() else {
            return false;
        };
        let bytes = segment.bytes as usize;
        let own = &self.values[rank][segment.own as usize..][..bytes];
        as_bytes(executor.operand())[..bytes].copy_from_slice(own);
        executor.fold();
        let result = self.results[rank]
            .as_mut()
            .unwrap_or(&mut self.values[rank]);
        result[segment.begin as usize..][..bytes]
            .copy_from_slice(&as_bytes(executor.folded())[..bytes]);
        true
    }

    pub fn result(&self, rank: usize) -> &[u8] {
        self.results[rank].as_ref().unwrap_or(&self.values[rank])
    }

    pub fn floats(&self, rank: usize) -> Vec<f32> {
        let words = self.result(rank).chunks_exact(4);
        words
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect()
    }
}

pub fn counts(size: usize) -> Vec<usize> {
    vec![0, 1, size - 1, size, size + 1, 13, 97, 211]
}

/// Four ways to divide elements over ranks unevenly.
pub fn uneven(size: usize) -> Vec<Vec<u32>> {
    let size = size as u32;
    let part = |shape, rank| match shape {
        0 => 0,
        1 => rank,
        2 => u32::from(rank == size - 1) * 17,
        _ => (rank * 7 + 3) % 11,
    };
    (0..4)
        .map(|shape| (0..size).map(|rank| part(shape, rank)).collect())
        .collect()
}

/// The terms added as a tree in their order, split at the largest power of two below their number.
pub fn tree<T: Copy + std::ops::Add<Output = T>>(terms: &[T]) -> T {
    match terms {
        [term] => *term,
        _ => {
            let (left, right) = terms.split_at(terms.len().next_power_of_two() / 2);
            tree(left) + tree(right)
        }
    }
}

pub fn term(rank: usize, index: usize) -> f32 {
    ((rank + 1) * (index % 100 + 1)) as f32
}

pub fn values(rank: usize, count: usize) -> Vec<u8> {
    bytes_of((0..count).map(|index| term(rank, index)))
}

pub fn sums(size: usize, count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| (0..size).map(|rank| term(rank, index)).sum())
        .collect()
}

pub fn bytes_of(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

pub fn as_bytes(words: &mut [u64]) -> &mut [u8] {
    // SAFETY: every bit pattern is a valid u8, and the lengths in bytes agree.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), 8 * words.len()) }
}

/// A small repeatable generator (xorshift), so that a failing order of delivery can be run again.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize % limit
    }
}
