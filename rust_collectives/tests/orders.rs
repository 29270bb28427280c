//! The order of addition: all ranks get the same bits, and the direct algorithms those of the tree of ranks, whatever else is
//! in the buffer.

mod group;

use group::*;
use rust_collectives::algorithm::Algorithm;
use rust_collectives::collective::Op;
use rust_collectives::direct::ONE_SHOT;
use rust_collectives::element::{ElementType, Reduction};
use rust_collectives::half;

#[test]
fn big_minus_big_and_tiny_at_every_pair_of_ranks_give_all_ranks_the_same_bits() {
    for size in 2..=9 {
        for (big, minus_big) in (0..size).flat_map(|a| (0..size).map(move |b| (a, b))) {
            let term = |rank| match rank {
                _ if rank == big => 1e30,
                _ if rank == minus_big => -1e30,
                _ => 1e-7 * (rank + 1) as f32,
            };
            let terms: Vec<f32> = (0..size).map(term).collect();
            for algorithm in algorithms_of(Op::AllReduce) {
                let inputs = (0..size).map(|rank| bytes_of([term(rank); 29]));
                let mut group = Group::new(inputs.collect());
                group.run(&Call::all_reduce(29, algorithm), &mut Random(7));
                for rank in 1..size {
                    assert_eq!(group.values[rank], group.values[0], "{algorithm:?}");
                }
                if !algorithm.passes_partial_sums {
                    assert_eq!(
                        group.values[0],
                        bytes_of([tree(&terms); 29]),
                        "{algorithm:?}"
                    );
                }
            }
        }
    }
}

/// All-reduces that add all terms as one tree.
fn in_tree_order() -> impl Iterator<Item = &'static Algorithm> {
    algorithms_of(Op::AllReduce).filter(|algorithm| !algorithm.passes_partial_sums)
}

#[test]
fn an_element_has_the_same_bits_whatever_else_is_in_its_buffer() {
    let size = 5;
    let mut random = Random(11);
    let inputs: Vec<Vec<f32>> = (0..size)
        .map(|_| {
            (0..61)
                .map(|_| (random.below(1 << 24) as f32 - 8e6) * 1e-3)
                .collect()
        })
        .collect();
    let sum_of = |range: std::ops::Range<usize>, algorithm| {
        let part = |values: &Vec<f32>| bytes_of(values[range.clone()].iter().copied());
        let mut group = Group::new(inputs.iter().map(part).collect());
        group.run(&Call::all_reduce(range.len(), algorithm), &mut Random(3));
        group.values[0].clone()
    };
    for algorithm in in_tree_order() {
        let whole = sum_of(0..61, algorithm);
        let parts = [
            sum_of(0..3, algorithm),
            sum_of(3..40, algorithm),
            sum_of(40..61, algorithm),
        ];
        assert_eq!(whole, parts.concat());
        assert_eq!(whole, sum_of(0..61, &ONE_SHOT));
    }
}

#[test]
fn sixteen_bit_floats_are_summed_in_f32_and_rounded_once() {
    type Pair = (ElementType, fn(f32) -> u16, fn(u16) -> f32);
    let pairs: [Pair; 2] = [
        (ElementType::F16, f32_to_f16, f16_to_f32),
        (ElementType::Bf16, f32_to_bf16, bf16_to_f32),
    ];
    for (dtype, narrow, widen) in pairs {
        for size in [2, 3, 4, 7] {
            let mut random = Random(size as u64);
            let inputs: Vec<Vec<u16>> = (0..size)
                .map(|_| {
                    (0..45)
                        .map(|_| narrow((random.below(4000) as f32 - 2000.0) * 0.0137))
                        .collect()
                })
                .collect();
            for (reduction, divisor) in [(Reduction::Sum, 1.0), (Reduction::Mean, size as f32)] {
                let expected: Vec<u8> = (0..45)
                    .map(|i| tree(&inputs.iter().map(|each| widen(each[i])).collect::<Vec<_>>()))
                    .flat_map(|sum| narrow(sum / divisor).to_le_bytes())
                    .collect();
                for algorithm in in_tree_order() {
                    let bytes =
                        |each: &Vec<u16>| each.iter().flat_map(|bits| bits.to_le_bytes()).collect();
                    let mut group = Group::new(inputs.iter().map(bytes).collect());
                    group.run(
                        &Call::all_reduce(45, algorithm).of(dtype, reduction),
                        &mut Random(9),
                    );
                    for rank in 0..size {
                        assert_eq!(group.values[rank], expected, "{dtype:?} {algorithm:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_mean_is_divided_once_by_every_algorithm() {
    for size in 2..=5 {
        for algorithm in algorithms_of(Op::AllReduce) {
            let mut group = Group::new((0..size).map(|rank| values(rank, 40)).collect());
            let call = Call::all_reduce(40, algorithm).of(ElementType::F32, Reduction::Mean);
            group.run(&call, &mut Random(5));
            let expected = sums(size, 40).into_iter().map(|sum| sum / size as f32);
            assert_eq!(
                group.floats(0),
                expected.collect::<Vec<_>>(),
                "{algorithm:?}"
            );
        }
    }
}

fn f16_to_f32(bits: u16) -> f32 {
    half::f16_to_f32(bits.into())
}

fn bf16_to_f32(bits: u16) -> f32 {
    half::bf16_to_f32(bits.into())
}

fn f32_to_f16(value: f32) -> u16 {
    half::f32_to_f16(value) as u16
}

fn f32_to_bf16(value: f32) -> u16 {
    half::f32_to_bf16(value) as u16
}
