//! A keyed sum (message authentication code) over each message of one direction of a connection: nobody without the session's
//! key can make the sum of another message, nor of the same one at another place in the sequence.
//!
//! ```text
//! h[i] = NH(k, block i)                                             blocks of 1024 bytes (nh.rs)
//! tag  = (Poly1305_r(h[0], h[1], ..., length) + pad[n]) mod 2^128   n = number of the message
//! k, r = ChaCha20(session key, nonce 0)     pad[n] = ChaCha20(session key, nonce 1 + 2^32 n)
//! ```
//!
//! This is Poly1305 as Bernstein defined it (The Poly1305-AES message-authentication code, FSE 2005), with ChaCha20
//! (RFC 8439) in place of AES, over blocks that NH has compressed, as in UMAC (RFC 4418) and Adiantum (Crowley and Biggers,
//! 2018). A forged message of L bytes is accepted with probability at most 2^-64 (NH) + L 2^-113 (Poly1305), for any number
//! of messages seen before, unless ChaCha20 is broken. The first wrong sum ends the job, so there is one attempt.
//!
//! The key is held apart from all data, and the time of a comparison does not depend on where two sums differ.

use crate::nh::{self, BLOCK, UNIT};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};

/// The sums of one direction of a connection, message after message.
#[derive(Clone)]
pub struct KeyedSum {
    session_key: [u8; 32],
    block_key: [u8; nh::KEY],
    /// Poly1305's r, followed by the pad of the current message.
    poly_key: [u8; 32],
    /// The number of the current message.
    sequence: u64,
    /// Of the current message; `None` before its first byte.
    poly: Option<Poly1305>,
    sums: nh::Sums,
    /// Bytes in the sums of the current block, a multiple of a unit.
    place: usize,
    /// The bytes of a unit that is not complete yet.
    rest: [u8; UNIT],
    num_rest: usize,
    length: u64,
}

impl KeyedSum {
    /// For a direction of which both ends hold `session_key`, which no other direction has.
    pub fn new(session_key: &[u8; 32]) -> Self {
        let mut keys = [0; nh::KEY + 16];
        stream(session_key, 0, &mut keys);
        let (mut block_key, mut poly_key) = ([0; nh::KEY], [0; 32]);
        block_key.copy_from_slice(&keys[..nh::KEY]);
        poly_key[..16].copy_from_slice(&keys[nh::KEY..]);
        Self {
            session_key: *session_key,
            block_key,
            poly_key,
            sequence: 0,
            poly: None,
            sums: nh::Sums::default(),
            place: 0,
            rest: [0; UNIT],
            num_rest: 0,
            length: 0,
        }
    }

    /// Adds the next bytes of the current message.
    pub fn add(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.num_rest > 0 {
            let missing = bytes.len().min(UNIT - self.num_rest);
            let (head, tail) = bytes.split_at(missing);
            self.rest[self.num_rest..self.num_rest + missing].copy_from_slice(head);
            self.num_rest += missing;
            bytes = tail;
            if self.num_rest < UNIT {
                return;
            }
            self.num_rest = 0;
            self.add_units(&[self.rest]);
        }
        let (mut units, rest) = bytes.as_chunks();
        while !units.is_empty() {
            let fitting = units.len().min((BLOCK - self.place) / UNIT);
            let (head, tail) = units.split_at(fitting);
            self.add_units(head);
            units = tail;
        }
        self.rest[..rest.len()].copy_from_slice(rest);
        self.num_rest = rest.len();
    }

    /// Ends the current message, and returns its sum as two halves; the next message begins.
    pub fn finish(&mut self) -> [u64; 2] {
        if self.num_rest > 0 {
            self.rest[self.num_rest..].fill(0);
            self.add_units(&[self.rest]);
        }
        if self.place > 0 {
            self.end_block();
        }
        let length = self.length;
        let mut poly = self.take_poly();
        poly.update(&[block([length, 0]).into()]);
        let tag: [u8; 16] = poly.finalize().into();
        self.sequence += 1;
        self.forget();
        let (low, high) = tag.split_at(8);
        [low, high].map(|half| u64::from_le_bytes(half.try_into().expect("eight bytes")))
    }

    /// Gives up the bytes of the current message.
    pub fn forget(&mut self) {
        self.poly = None;
        self.sums = nh::Sums::default();
        (self.place, self.num_rest, self.length) = (0, 0, 0);
    }

    /// Units that fit in the current block.
    fn add_units(&mut self, units: &[[u8; UNIT]]) {
        self.sums = nh::add(self.sums, units, &self.block_key, self.place);
        self.place += units.len() * UNIT;
        if self.place == BLOCK {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let sums = std::mem::take(&mut self.sums);
        self.place = 0;
        let mut poly = self.take_poly();
        poly.update(&[block(sums).into()]);
        self.poly = Some(poly);
    }

    fn take_poly(&mut self) -> Poly1305 {
        self.poly.take().unwrap_or_else(|| {
            stream(
                &self.session_key,
                1 + (u128::from(self.sequence) << 32),
                &mut self.poly_key[16..],
            );
            Poly1305::new(&self.poly_key.into())
        })
    }
}

/// Fills `bytes` with the stream of ChaCha20, from block 0 on.
fn stream(key: &[u8; 32], nonce: u128, bytes: &mut [u8]) {
    let nonce: [u8; 12] = nonce.to_le_bytes()[..12].try_into().expect("twelve bytes");
    bytes.fill(0);
    ChaCha20::new(key.into(), &nonce.into()).apply_keystream(bytes);
}

fn block([low, high]: [u64; 2]) -> [u8; 16] {
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

/// Bytes of a keyed sum on the wire.
pub const BYTES: usize = 16;
