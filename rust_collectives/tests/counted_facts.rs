//! Rounds and bytes on the wire, counted and compared with the formulas; no allocations in a collective.

mod group;

use group::*;
use rust_collectives::algorithm::Algorithm;
use rust_collectives::chain::CHAIN;
use rust_collectives::collective::Op;
use rust_collectives::direct::{DIRECT, ONE_SHOT, TWO_SHOT};
use rust_collectives::ring::RING;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[test]
fn all_reduce_takes_the_rounds_and_bytes_of_its_formula() {
    for size in SIZES.into_iter().filter(|&size| size > 1) {
        for count in [
            0,
            1,
            size - 1,
            size,
            size + 1,
            2,
            3,
            5,
            7,
            11,
            101,
            997,
            7919,
        ] {
            assert_formula(size, count);
        }
    }
}

#[test]
fn a_million_odd_elements_take_the_rounds_and_bytes_of_the_formula() {
    for size in [2, 3, 8] {
        assert_formula(size, 1_000_003);
    }
}

fn assert_formula(size: usize, count: usize) {
    let p = size as u64;
    for algorithm in ALL_REDUCE {
        let inputs = (0..size).map(|rank| values(rank, count)).collect();
        let mut group = Group::with_room(inputs, (256 << 10, 64 << 10));
        let rounds = group.rounds(&Call::all_reduce(count, algorithm));
        let total: u64 = group.sent.iter().sum();
        // With fewer elements than ranks some chunks are empty, and so are some of the ring's rounds.
        let (most_rounds, bytes) = match algorithm {
            _ if *algorithm == ONE_SHOT => (1, p * (p - 1) * count as u64 * 4),
            _ if *algorithm == TWO_SHOT => (2, 2 * (p - 1) * count as u64 * 4),
            _ => (2 * (size - 1), 2 * (p - 1) * count as u64 * 4),
        };
        assert_eq!(
            total, bytes,
            "{size} ranks, {count} elements, {algorithm:?}"
        );
        assert_eq!(
            rounds,
            if count == 0 { 0 } else { most_rounds },
            "{size}, {count}, {algorithm:?}"
        );
        let fair = bytes / p;
        let chunk = 8 * (p - 1);
        assert!(group.sent.iter().all(|&sent| sent.abs_diff(fair) <= chunk));
        assert_eq!(group.floats(size - 1), sums(size, count));
    }
}

#[test]
fn parts_take_the_rounds_and_bytes_of_their_formula() {
    for size in 2..=9 {
        let parts: Vec<u32> = (0..size as u32).map(|rank| rank * 7 + 3).collect();
        let count = parts.iter().sum::<u32>() as usize;
        let total = (size as u64 - 1) * count as u64 * 4;
        let by_parts: [(&Algorithm, _); 2] = [(&DIRECT, 1), (&RING, size - 1)];
        for (algorithm, rounds) in by_parts {
            let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
            let call = Call::new((Op::ReduceScatter, algorithm), &parts);
            assert_eq!(group.rounds(&call), rounds);
            assert_eq!(group.sent.iter().sum::<u64>(), total);
            let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
            let call = Call::new((Op::AllGather, algorithm), &parts);
            assert_eq!(group.rounds(&call), rounds);
            assert_eq!(group.sent.iter().sum::<u64>(), total);
        }
        let whole: [(&Algorithm, _); 2] = [(&DIRECT, 1), (&CHAIN, size - 1)];
        for (algorithm, rounds) in whole {
            let mut group = Group::new((0..size).map(|rank| values(rank, 100)).collect());
            let call = Call::rooted((Op::Broadcast, algorithm), 1, 100);
            assert_eq!(group.rounds(&call), rounds);
            assert_eq!(group.sent.iter().sum::<u64>(), (size as u64 - 1) * 400);
        }
    }
}

#[test]
fn an_executor_allocates_nothing_after_it_is_made() {
    for size in [2, 5, 16] {
        for algorithm in ALL_REDUCE {
            let mut group = Group::new((0..size).map(|rank| values(rank, 300)).collect());
            let call = Call::all_reduce(300, algorithm);
            // The queues between executors allocate; the executors' own calls are what is counted.
            group.begin(&call);
            let before = ALLOCATIONS.get();
            group.executors[0].begin(call.collective, algorithm, (call.dtype, call.reduction));
            assert_eq!(ALLOCATIONS.get(), before);
            let mut moved = true;
            while moved {
                moved = false;
                for (rank, peer) in
                    (0..size).flat_map(|rank| (0..size).map(move |peer| (rank, peer)))
                {
                    moved |= group.send(rank, peer, 50) | group.receive(rank, peer, 50);
                    let executor = &mut group.executors[rank];
                    let before = ALLOCATIONS.get();
                    if executor.next_fold().is_some() {
                        executor.fold();
                        moved = true;
                    }
                    executor.next_send(peer as u32);
                    executor.next_receive(peer as u32);
                    assert_eq!(ALLOCATIONS.get(), before);
                }
            }
        }
    }
}

/// The system's allocator, which counts for each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
