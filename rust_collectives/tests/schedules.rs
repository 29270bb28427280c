//! Every collective by every algorithm, every size, odd counts, any order of delivery, against plain sums of small
//! integers, which are exact.

mod group;

use group::*;
use rust_collectives::collective::Op;
use rust_collectives::direct::DIRECT;

#[test]
fn all_reduce_sums_everywhere() {
    let mut random = Random(1);
    for size in SIZES {
        for count in counts(size) {
            for algorithm in algorithms_of(Op::AllReduce) {
                let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
                let call = Call::all_reduce(count, algorithm);
                if size > 1 {
                    group.run(&call, &mut random);
                }
                for rank in 0..size {
                    assert_eq!(group.floats(rank), sums(size, count), "{size}: {call:?}");
                }
            }
        }
    }
}

#[test]
fn reduce_scatter_leaves_each_rank_the_sum_of_its_uneven_part() {
    let mut random = Random(2);
    for size in 2..=9 {
        for parts in uneven(size) {
            let count = parts.iter().sum::<u32>() as usize;
            let inputs = || (0..size).map(|rank| values(rank, count)).collect();
            for algorithm in algorithms_of(Op::ReduceScatter) {
                let own = parts.iter().map(|&part| vec![0; 4 * part as usize]);
                let is_in_place = algorithm.passes_partial_sums;
                let mut group = if is_in_place {
                    Group::new(inputs())
                } else {
                    Group::out_of_place(inputs(), own.collect())
                };
                let call = Call::new((Op::ReduceScatter, algorithm), &parts);
                group.run(&call, &mut random);
                let mut begin = 0;
                for (rank, &part) in parts.iter().enumerate() {
                    let end = begin + part as usize;
                    let expected = &sums(size, count)[begin..end];
                    let result = group.floats(rank);
                    if is_in_place {
                        assert_eq!(&result[begin..end], expected, "{call:?}, rank {rank}");
                    } else {
                        assert_eq!(result, expected, "{call:?}, rank {rank}");
                        assert_eq!(group.values[rank], values(rank, count), "values stay");
                    }
                    begin = end;
                }
            }
        }
    }
}

#[test]
fn all_gather_brings_every_uneven_part_to_every_rank() {
    let mut random = Random(3);
    for size in 2..=9 {
        for parts in uneven(size) {
            for algorithm in algorithms_of(Op::AllGather) {
                let count = parts.iter().sum::<u32>() as usize;
                let whole = values(0, count);
                let (mut shards, mut results, mut begin) = (vec![], vec![], 0);
                for &part in &parts {
                    let end = begin + 4 * part as usize;
                    let mut result = vec![0; whole.len()];
                    result[begin..end].copy_from_slice(&whole[begin..end]);
                    shards.push(whole[begin..end].to_vec());
                    results.push(result);
                    begin = end;
                }
                let mut group = Group::out_of_place(shards, results);
                let call = Call::new((Op::AllGather, algorithm), &parts);
                group.run(&call, &mut random);
                assert!(
                    (0..size).all(|rank| group.result(rank) == whole),
                    "{call:?}"
                );
            }
        }
    }
}

#[test]
fn broadcast_brings_the_roots_values_to_every_rank() {
    let mut random = Random(4);
    for size in 2..=9 {
        for (root, count) in (0..size).flat_map(|root| [0, 1, 13].map(|count| (root, count))) {
            for algorithm in algorithms_of(Op::Broadcast) {
                let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
                let call = Call::rooted((Op::Broadcast, algorithm), root, count);
                group.run(&call, &mut random);
                assert!((0..size).all(|rank| group.values[rank] == values(root, count)));
            }
        }
    }
}

#[test]
fn reduce_sums_at_the_root_and_changes_no_other_rank() {
    let mut random = Random(5);
    for size in 2..=9 {
        for (root, count) in (0..size).flat_map(|root| [0, 1, 29].map(|count| (root, count))) {
            let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
            let call = Call::rooted((Op::Reduce, &DIRECT), root, count);
            group.run(&call, &mut random);
            for rank in 0..size {
                if rank == root {
                    assert_eq!(group.floats(rank), sums(size, count));
                } else {
                    assert_eq!(group.values[rank], values(rank, count));
                }
            }
        }
    }
}

#[test]
fn all_to_all_transposes_uneven_parts() {
    let mut random = Random(6);
    for size in 2..=9 {
        // Element k of the part from a rank to another is a number that names all three.
        let count = |from: usize, to: usize| (from * 5 + to * 3) % 7;
        let part = |from: usize, to: usize| {
            bytes_of((0..count(from, to)).map(move |k| (from * 10_000 + to * 100 + k) as f32))
        };
        let inputs = (0..size).map(|from| (0..size).flat_map(|to| part(from, to)).collect());
        let expected = |to| {
            (0..size)
                .flat_map(|from| part(from, to))
                .collect::<Vec<u8>>()
        };
        let results = (0..size).map(|rank| {
            let own = |from| {
                if from == rank {
                    part(rank, rank)
                } else {
                    vec![0; part(from, rank).len()]
                }
            };
            (0..size).flat_map(own).collect()
        });
        let mut group = Group::out_of_place(inputs.collect(), results.collect());
        let mut call = Call::new((Op::AllToAll, &DIRECT), &[]);
        call.counts = (0..size)
            .map(|from| (0..size).map(|to| count(from, to) as u32).collect())
            .collect();
        group.run(&call, &mut random);
        assert!((0..size).all(|rank| group.result(rank) == expected(rank)));
    }
}

#[test]
fn one_executor_runs_collectives_one_after_the_other() {
    let mut group = Group::new((0..3).map(|rank| values(rank, 7)).collect());
    let mut random = Random(7);
    for algorithm in ALL_REDUCE {
        group.run(&Call::all_reduce(7, algorithm), &mut random);
    }
    let expected: Vec<f32> = sums(3, 7).iter().map(|sum| 9.0 * sum).collect();
    assert_eq!(group.floats(1), expected);
}
