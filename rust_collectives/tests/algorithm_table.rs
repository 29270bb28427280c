//! The entries of the table against the moves of each algorithm: names, peers, and whether partial sums travel.

mod group;

use group::*;
use rust_collectives::algorithm::{ALGORITHMS, Algorithm};
use rust_collectives::collective::{Collective, Op, Parts};
use rust_collectives::schedule::{Schedule, Terms};

#[test]
fn names_are_unique_and_every_collective_has_an_algorithm() {
    let mut names = ALGORITHMS.map(|algorithm| algorithm.name);
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    for op in Op::ALL {
        assert!(algorithms_of(op).next().is_some(), "{op:?}");
    }
}

#[test]
fn numbers_on_the_wire_stay() {
    let names = ALGORITHMS.map(|algorithm| algorithm.name);
    assert_eq!(
        names[..5],
        ["ring", "chain", "direct", "one-shot", "two-shot"]
    );
}

#[test]
fn moves_go_only_to_the_peers_of_the_algorithm() {
    for_every_schedule(|algorithm, (rank, size), schedule| {
        for send in &schedule.sends {
            assert!((algorithm.sends)(rank, send.peer, size), "{algorithm:?}");
        }
        for receive in &schedule.receives {
            assert!((algorithm.sends)(receive.peer, rank, size), "{algorithm:?}");
        }
    });
}

#[test]
fn only_algorithms_that_pass_partial_sums_fold_the_terms_of_one_peer() {
    let mut passing = vec![];
    for_every_schedule(|algorithm, _, schedule| {
        let mut folds = schedule.folds.iter();
        if folds.any(|fold| matches!(fold.terms, Terms::Peer(_))) {
            assert!(algorithm.passes_partial_sums, "{algorithm:?}");
            passing.push(algorithm.name);
        }
    });
    for algorithm in ALGORITHMS {
        assert_eq!(
            algorithm.passes_partial_sums,
            passing.contains(&algorithm.name)
        );
    }
}

/// Every algorithm, every collective that it can run, every rank of 2 to 9.
fn for_every_schedule(mut check: impl FnMut(&Algorithm, (u32, u32), &Schedule)) {
    let cases = (2..=9).flat_map(|size| (0..size).map(move |rank| (rank, size)));
    for (rank, size) in cases {
        for algorithm in ALGORITHMS {
            for &(op, _) in algorithm.collectives {
                let mut parts = Parts::of(size as usize);
                parts.counts.fill(5);
                parts.result_counts.fill(5);
                let collective = Collective {
                    op,
                    root: 1,
                    count: 23,
                };
                let mut schedule = Schedule::default();
                parts.write_moves(&mut schedule, (rank, size), 4, (collective, algorithm));
                check(algorithm, (rank, size), &schedule);
            }
        }
    }
}
