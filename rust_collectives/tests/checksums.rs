//! Checksums over streams depend on the bytes alone and detect every flipped bit and swap; a group whose moves carry them
//! gives the right result, or reports damage before any rank finishes.

mod group;

use group::*;
use rust_collectives::checksum::Checksum;
use rust_collectives::collective::Op;

#[test]
fn checksums_match_their_definition_for_any_pieces_of_the_stream() {
    for length in [0, 1, 15, 16, 17, 31, 32, 33, 100, 1000, 4099] {
        let mut random = Random(length as u64 + 1);
        let bytes = random_bytes(length, &mut random);
        let expected = plain(&bytes);
        assert_eq!(sums_of(&bytes), expected);
        for longest in [1, 2, 16, 23, 500] {
            let (mut sums, mut rest) = (Checksum::default(), &bytes[..]);
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(rest.len().min(1 + random.below(longest)));
                sums.add(head);
                rest = tail;
            }
            assert_eq!(sums.finish(), expected, "{length} bytes, {longest} at most");
        }
    }
}

#[test]
fn every_flipped_bit_changes_the_checksum() {
    let mut bytes = random_bytes(1003, &mut Random(3));
    let whole = sums_of(&bytes);
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(sums_of(&bytes), whole, "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_swap_of_two_different_words_changes_the_checksum() {
    // In one bit only, where sums that wrap at 2^32 would agree for even distances.
    for bit in 0..128 {
        let mut words = vec![0_u128; 64];
        words[0] = 1 << bit;
        let whole = sums_of(
            &words
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<_>>(),
        );
        for other in 1..words.len() {
            words.swap(0, other);
            let swapped = words.iter().flat_map(|word| word.to_le_bytes());
            assert_ne!(
                sums_of(&swapped.collect::<Vec<_>>()),
                whole,
                "bit {bit}, word {other}"
            );
            words.swap(0, other);
        }
    }
}

#[test]
fn collectives_with_sums_give_the_results_of_those_without() {
    for (size, protect) in [2, 3, 4, 5, 8]
        .into_iter()
        .flat_map(|size| PROTECTIONS.map(|each| (size, each)))
    {
        for algorithm in algorithms_of(Op::AllReduce) {
            for count in counts(size) {
                let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
                protect_some(&mut group, size, protect);
                group.run(
                    &Call::all_reduce(count, algorithm),
                    &mut Random(count as u64 + 1),
                );
                for rank in 0..size {
                    assert_eq!(group.floats(rank), sums(size, count), "{algorithm:?}");
                }
            }
        }
        for algorithm in algorithms_of(Op::Broadcast) {
            let mut group = Group::new((0..size).map(|rank| values(rank, 37)).collect());
            protect_some(&mut group, size, protect);
            let call = Call::rooted((Op::Broadcast, algorithm), 1, 37);
            group.run(&call, &mut Random(7));
            for rank in 0..size {
                assert_eq!(group.values[rank], values(1, 37));
            }
        }
    }
}

#[test]
fn no_rank_finishes_with_a_result_damaged_by_a_flipped_bit() {
    let (size, count) = (4, 100);
    let mut reported = 0;
    for (seed, protect) in (1..=600).flat_map(|seed| PROTECTIONS.map(|each| (seed, each))) {
        let algorithm = ALL_REDUCE[seed % 3];
        let mut random = Random(seed as u64);
        let mut group = Group::new((0..size).map(|rank| values(rank, count)).collect());
        for (one, other) in (0..size).flat_map(|one| (0..one).map(move |other| (one, other))) {
            protect(&mut group, one, other);
        }
        group.begin(&Call::all_reduce(count, algorithm));
        let (from, at) = (random.below(size), random.below(400));
        let to = (from + 1) % size;
        let mut is_done = false;
        group.run_on(&mut random, |group| {
            // The bit is changed in what has been written since the last move.
            let wire = &mut group.wires[from][to];
            if !is_done && wire.len() > at % 24 {
                let last = wire.len() - 1;
                wire[last] ^= 1 << (at % 8);
                is_done = true;
            }
            let damaged: Vec<usize> = (0..size)
                .filter(|rank| group.executors[*rank].is_damaged())
                .collect();
            assert!(
                damaged.iter().all(|rank| *rank == to),
                "{damaged:?} blame others than {from}"
            );
        });
        assert!(
            is_done && group.executors[to].is_damaged(),
            "{algorithm:?} {seed}"
        );
        reported += 1;
        for rank in 0..size {
            let is_done = (0..size as u32).all(|peer| {
                let executor = &mut group.executors[rank];
                executor.next_receive(peer).is_none() && executor.next_send(peer).is_none()
            });
            let is_right = group.floats(rank) == sums(size, count);
            assert!(
                is_right || !is_done || rank == to,
                "{algorithm:?} {seed}: rank {rank}"
            );
        }
    }
    assert_eq!(reported, 2 * 600);
}

/// All pairs but those of rank 0 and the last, as between ranks on two hosts.
fn protect_some(group: &mut Group, size: usize, protect: Protect) {
    for (one, other) in (0..size).flat_map(|one| (0..one).map(move |other| (one, other))) {
        if (one, other) != (size - 1, 0) || size == 2 {
            protect(group, one, other);
        }
    }
}

type Protect = fn(&mut Group, usize, usize);
/// By checksums and by keyed sums.
const PROTECTIONS: [Protect; 2] = [Group::check, Group::authenticate];

fn sums_of(bytes: &[u8]) -> [u64; 4] {
    let mut sums = Checksum::default();
    sums.add(bytes);
    sums.finish()
}

fn plain(bytes: &[u8]) -> [u64; 4] {
    let words = bytes.len().div_ceil(16);
    let byte = |i: usize| u64::from(bytes.get(i).copied().unwrap_or(0));
    let mut sums = [0_u64; 4];
    for half in 0..2 {
        for word in 0..words {
            let x = (0..8)
                .rev()
                .fold(0, |x, i| x << 8 | byte(16 * word + 8 * half + i));
            let weight = (words - word) as u64;
            sums[half] = sums[half].wrapping_add(weight.wrapping_mul(x));
            sums[2 + half] = sums[2 + half].wrapping_add(weight.wrapping_mul(x >> 32));
        }
    }
    sums
}

fn random_bytes(length: usize, random: &mut Random) -> Vec<u8> {
    (0..length).map(|_| random.below(256) as u8).collect()
}
