//! The landing zone: a ring buffer for each peer, into which the terms of a fold are received. All rings have byte x of the
//! terms at the same offset, so that a fold reads all of them at one.

use crate::schedule::{Fold, Terms};
use std::ops::Range;

pub struct Landing {
    rank: u32,
    size: u32,
    /// One ring after the other, from the next rank's on.
    memory: Vec<u64>,
    /// Bytes of a ring.
    room: u64,
    /// Bytes of the term received from each peer, and the byte of the terms that is at offset 0 of the rings.
    landed: Vec<u64>,
    base: u64,
    /// True for a peer whose next bytes may be arriving at the place that `next` returned.
    asked: Vec<bool>,
}

impl Landing {
    /// Of rank `rank` of `size`, with `room` bytes for each peer, a multiple of 8.
    pub fn new(rank: u32, size: u32, room: usize) -> Self {
        let peers = size as usize - 1;
        Self {
            rank,
            size,
            memory: vec![0; peers * room / 8],
            room: room as u64,
            landed: vec![0; peers],
            base: 0,
            asked: vec![false; peers],
        }
    }

    /// Empties all rings for the terms of another fold.
    pub fn clear(&mut self) {
        self.landed.fill(0);
        self.base = 0;
    }

    /// As `clear`, when no receive is pending.
    pub fn begin(&mut self) {
        self.clear();
        self.asked.fill(false);
    }

    /// Bytes of a ring.
    pub fn room(&self) -> u64 {
        self.room
    }

    /// All rings, in words of 8 bytes.
    pub fn memory(&mut self) -> &mut [u64] {
        &mut self.memory
    }

    /// The place for the next bytes of `peer`'s term, which is `length` bytes long, `done` of them folded. Empty if there
    /// is no room.
    pub fn next(&mut self, peer: u32, length: u64, done: u64) -> Range<usize> {
        let slot = self.slot(peer);
        let landed = self.landed[slot];
        let place = self.place(landed);
        let free = self.room - (landed - done);
        let space = (length - landed).min(free).min(self.room - place);
        self.asked[slot] |= space > 0;
        let begin = (slot as u64 * self.room + place) as usize;
        begin..begin + space as usize
    }

    /// `bytes` have been received at the place that `next` returned; returns the bytes received of the term so far.
    pub fn arrived(&mut self, peer: u32, bytes: u64) -> u64 {
        let slot = self.slot(peer);
        self.asked[slot] = false;
        self.landed[slot] += bytes;
        self.landed[slot]
    }

    /// Bytes received of a fold's term, for each peer that has one.
    pub fn of(&self, fold: &Fold) -> impl Iterator<Item = u64> + Clone {
        let slots = match fold.terms {
            Terms::AllRanks => 0..self.landed.len(),
            Terms::Peer(peer) => self.slot(peer)..self.slot(peer) + 1,
        };
        self.landed[slots].iter().copied()
    }

    /// Bytes of the terms that are contiguous from byte `begin` on.
    pub fn unbroken(&self, begin: u64) -> u64 {
        self.room - self.place(begin)
    }

    /// `peer`'s term from byte `begin` on, in `words` words of 8 bytes; `own` for this rank's.
    pub fn term<'a>(&'a self, peer: usize, begin: u64, words: usize, own: &'a [u64]) -> &'a [u64] {
        if peer == self.rank as usize {
            return own;
        }
        let ring = self.slot(peer as u32) * (self.room / 8) as usize;
        &self.memory[ring + (self.place(begin) / 8) as usize..][..words]
    }

    /// `fold.done` bytes have been folded.
    pub fn folded(&mut self, fold: &Fold) {
        if fold.begin + fold.done == fold.end {
            self.clear();
        } else if !self.asked.contains(&true) && self.of(fold).all(|landed| landed == fold.done) {
            // All rings are empty, and no receive into them is pending.
            self.base = fold.done;
        }
    }

    fn slot(&self, peer: u32) -> usize {
        ((peer + self.size - self.rank - 1) % self.size) as usize
    }

    fn place(&self, byte: u64) -> u64 {
        (byte - self.base) % self.room
    }
}
