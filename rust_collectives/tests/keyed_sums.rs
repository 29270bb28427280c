//! Keyed sums match their definition for any pieces of a message; another key, place in the sequence, length or bit gives
//! another sum. The primitives match the vectors of RFC 8439.

mod group;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use group::Random;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use rust_collectives::keyed_sum::KeyedSum;
use rust_collectives::nh;
use std::collections::HashSet;

const KEY: [u8; 32] = [7; 32];
const LENGTHS: [usize; 16] = [
    0, 1, 8, 15, 16, 31, 32, 33, 48, 100, 1000, 1023, 1024, 1025, 2048, 5003,
];

#[test]
fn chacha20_gives_the_key_stream_of_rfc_8439() {
    // Section 2.3.2.
    let key: [u8; 32] = core::array::from_fn(|i| i as u8);
    let nonce = [0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0];
    let mut bytes = [0; 64];
    let mut cipher = ChaCha20::new(&key.into(), &nonce.into());
    cipher.seek(64);
    cipher.apply_keystream(&mut bytes);
    assert_eq!(
        hex(&bytes),
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e\
         d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    );
}

#[test]
fn poly1305_gives_the_tag_of_rfc_8439() {
    // Section 2.5.2.
    let mut key = [0; 32];
    let digits = "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b";
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap();
    }
    let tag = Poly1305::new(&key.into()).compute_unpadded(b"Cryptographic Forum Research Group");
    assert_eq!(hex(&tag), "a8061dc1305136c6c22b8baf0c0127a9");
}

#[test]
fn sums_match_their_definition_for_any_pieces_of_the_messages() {
    for longest in [1, 7, 32, 1024, 5000] {
        let mut sum = KeyedSum::new(&KEY);
        for (sequence, length) in LENGTHS.into_iter().enumerate() {
            let bytes = random_bytes(length);
            let mut random = Random(longest as u64);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(rest.len().min(1 + random.below(longest)));
                sum.add(head);
                rest = tail;
            }
            let expected = plain(&KEY, sequence as u64, &bytes);
            assert_eq!(sum.finish(), expected, "{length} bytes, {longest} at most");
        }
    }
}

#[test]
fn sums_differ_by_key_place_length_and_every_bit() {
    let mut seen = HashSet::new();
    let bytes = random_bytes(1100);
    let first = KeyedSum::new(&KEY);
    let sum_of = |bytes: &[u8]| {
        let mut sum = first.clone();
        sum.add(bytes);
        sum.finish()
    };
    let mut requires_new = |tag| assert!(seen.insert(tag), "the sum has been seen before");
    for bit in 0..8 * bytes.len() {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        requires_new(sum_of(&flipped));
    }
    for length in 0..=bytes.len() {
        requires_new(sum_of(&bytes[..length]));
    }
    // Zeros at the end, which fill up a unit or a block.
    for zeros in 1..100 {
        requires_new(sum_of(&[&bytes[..], &vec![0; zeros]].concat()));
    }
    let mut other = KEY;
    other[31] ^= 0x80;
    let mut keyed_otherwise = KeyedSum::new(&other);
    keyed_otherwise.add(&bytes);
    requires_new(keyed_otherwise.finish());
    let mut sum = KeyedSum::new(&KEY);
    sum.finish();
    for _ in 0..1000 {
        sum.add(&bytes);
        requires_new(sum.finish());
    }
}

#[test]
fn a_message_that_was_given_up_leaves_no_trace() {
    let bytes = random_bytes(3000);
    let mut sum = KeyedSum::new(&KEY);
    sum.add(&bytes);
    sum.forget();
    sum.add(&bytes[..5]);
    assert_eq!(sum.finish(), plain(&KEY, 0, &bytes[..5]));
}

/// The definition in keyed_sum.rs.
fn plain(key: &[u8; 32], sequence: u64, bytes: &[u8]) -> [u64; 2] {
    let mut keys = [0; nh::KEY + 16];
    ChaCha20::new(key.into(), &[0; 12].into()).apply_keystream(&mut keys);
    let mut poly_key = [0; 32];
    poly_key[..16].copy_from_slice(&keys[nh::KEY..]);
    let mut nonce = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    nonce[4..].copy_from_slice(&sequence.to_le_bytes());
    ChaCha20::new(key.into(), &nonce.into()).apply_keystream(&mut poly_key[16..]);
    let mut hashes = Vec::new();
    for block in bytes.chunks(nh::BLOCK) {
        let mut padded = block.to_vec();
        padded.resize(block.len().next_multiple_of(nh::UNIT), 0);
        let word = |bytes: &[u8], i: usize| {
            u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap())
        };
        for pass in 0..2 {
            let mut sum = 0_u64;
            for i in (0..padded.len() / 4).filter(|i| i % 8 < 4) {
                let factor =
                    |i| u64::from(word(&padded, i).wrapping_add(word(&keys, i + 4 * pass)));
                sum = sum.wrapping_add(factor(i).wrapping_mul(factor(i + 4)));
            }
            hashes.extend(sum.to_le_bytes());
        }
    }
    hashes.extend(u128::from(bytes.len() as u64).to_le_bytes());
    let tag: [u8; 16] = Poly1305::new(&poly_key.into())
        .compute_unpadded(&hashes)
        .into();
    let (low, high) = tag.split_at(8);
    [low, high].map(|half| u64::from_le_bytes(half.try_into().unwrap()))
}

fn random_bytes(length: usize) -> Vec<u8> {
    let mut random = Random(length as u64 + 1);
    (0..length).map(|_| random.below(256) as u8).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
