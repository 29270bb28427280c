//! NH matches the test vectors of UMAC-64 (RFC 4418, appendix), whose first layer it is; the other layers are written here as
//! the RFC defines them.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use rust_collectives::nh;

#[test]
fn umac_with_this_first_layer_gives_the_tags_of_rfc_4418() {
    for (message, tag) in [
        (vec![], 0x6e15_5fad_2690_0be1),
        ("a".repeat(3).into_bytes(), 0x44b5_cb54_2f22_0104),
        ("a".repeat(1 << 10).into_bytes(), 0x26bf_2f5d_6011_8bd9),
        ("a".repeat(1 << 15).into_bytes(), 0x27f8_ef64_3b0d_118d),
        ("a".repeat(1 << 20).into_bytes(), 0xa447_7e87_e9f5_5853),
        (b"abc".to_vec(), 0xd4d7_b9f6_bd4f_bfcf),
        ("abc".repeat(500).into_bytes(), 0xd4cf_26dd_efd5_c01a),
    ] {
        assert_eq!(
            umac_64(b"abcdefghijklmnop", b"bcdefghi", &message),
            tag,
            "{} bytes",
            message.len()
        );
    }
}

#[test]
fn units_may_be_added_one_by_one_or_together() {
    let key: [u8; nh::KEY] = core::array::from_fn(|i| (i * i % 251) as u8);
    let block: Vec<[u8; nh::UNIT]> = (0..32_usize)
        .map(|unit| [unit as u8 * 7 + 1; nh::UNIT])
        .collect();
    let whole = nh::add([3, 4], &block, &key, 0);
    let mut sums = [3, 4];
    for (index, unit) in block.iter().enumerate() {
        sums = nh::add(sums, &[*unit], &key, index * nh::UNIT);
    }
    assert_eq!(sums, whole);
}

fn umac_64(key: &[u8; 16], nonce: &[u8; 8], message: &[u8]) -> u64 {
    let iterations = 2;
    let l1_key = words_swapped(&derived(key, 1, nh::KEY));
    let l2_key = derived(key, 2, iterations * 24);
    let (l3_key_1, l3_key_2) = (
        derived(key, 3, iterations * 64),
        derived(key, 4, iterations * 4),
    );
    let l1: Vec<[u64; 2]> = blocks_of(message)
        .map(|block| {
            let mut padded = block.to_vec();
            padded.resize(block.len().max(1).next_multiple_of(nh::UNIT), 0);
            let sums = nh::add([0, 0], padded.as_chunks().0, &l1_key, 0);
            sums.map(|sum| sum.wrapping_add(8 * block.len() as u64))
        })
        .collect();
    let hash: Vec<u8> = (0..iterations)
        .flat_map(|pass| {
            let words: Vec<u64> = l1.iter().map(|sums| sums[pass]).collect();
            let l2 = if message.len() <= nh::BLOCK {
                words[0]
            } else {
                polynomial(
                    number(&l2_key[24 * pass..][..8]) & 0x01ff_ffff_01ff_ffff,
                    &words,
                )
            };
            let l3 = inner_product(&l3_key_1[64 * pass..][..64], &u128::from(l2).to_be_bytes());
            let mask: [u8; 4] = l3_key_2[4 * pass..][..4].try_into().unwrap();
            (l3 ^ u32::from_be_bytes(mask)).to_be_bytes()
        })
        .collect();
    number(&hash) ^ pad(key, nonce)
}

fn blocks_of(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = message.len().div_ceil(nh::BLOCK).max(1);
    (0..count).map(|i| &message[i * nh::BLOCK..message.len().min((i + 1) * nh::BLOCK)])
}

/// Section 3.2.1.
fn derived(key: &[u8; 16], index: u64, length: usize) -> Vec<u8> {
    let blocks = (1..=length.div_ceil(16) as u64)
        .flat_map(|i| encrypted(key, u128::from(index) << 64 | u128::from(i)));
    blocks.take(length).collect()
}

/// Section 3.3.1.
fn pad(key: &[u8; 16], nonce: &[u8; 8]) -> u64 {
    let key = derived(key, 0, 16).try_into().unwrap();
    let nonce = u64::from_be_bytes(*nonce);
    let block = encrypted(&key, u128::from(nonce & !1) << 64);
    number(&block[8 * (nonce & 1) as usize..][..8])
}

fn encrypted(key: &[u8; 16], block: u128) -> [u8; 16] {
    let mut block = block.to_be_bytes().into();
    Aes128::new(key.into()).encrypt_block(&mut block);
    block.into()
}

/// Section 5.3.2.
fn polynomial(key: u64, words: &[u64]) -> u64 {
    let prime = (1_u128 << 64) - 59;
    let next = |y: u128, word: u128| (u128::from(key) * y + word) % prime;
    let sum = words.iter().fold(1, |y, &word| {
        let word = u128::from(word);
        if word >= (1 << 64) - (1 << 32) {
            next(next(y, prime - 1), word - 59)
        } else {
            next(y, word)
        }
    });
    sum as u64
}

/// Section 5.4.
fn inner_product(key: &[u8], message: &[u8; 16]) -> u32 {
    let prime = (1_u128 << 36) - 5;
    let products = message.chunks(2).zip(key.chunks(8)).map(|(m, k)| {
        u128::from(u16::from_be_bytes([m[0], m[1]])) * (u128::from(number(k)) % prime)
    });
    (products.sum::<u128>() % prime) as u32
}

/// Keys are words in big-endian order in the RFC, and in little-endian order here, as messages are in both.
fn words_swapped(key: &[u8]) -> [u8; nh::KEY] {
    let words = key.chunks(4).flat_map(|word| word.iter().rev().copied());
    words.collect::<Vec<u8>>().try_into().unwrap()
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}
