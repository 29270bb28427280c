//! Where the terms of a fold land: a ring for each peer, which takes as much at a time as there is room for. All rings have
//! byte x of the terms at the same place, so that a fold reads all of them at one.

use crate::schedule::{Fold, Terms};
use std::ops::Range;

pub struct Landing {
    rank: u32,
    size: u32,
    /// One ring after the other, from the next rank's on.
    memory: Vec<u64>,
    /// Bytes of a ring.
    room: u64,
    /// How much of the terms has come from each peer, and which byte of them lies first in the rings.
    landed: Vec<u64>,
    base: u64,
    /// Whose next bytes may be on their way to where `next` said.
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

    /// Makes room for the terms of another fold.
    pub fn clear(&mut self) {
        self.landed.fill(0);
        self.base = 0;
    }

    /// As `clear`, where nothing is on its way any more.
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

    /// Where the next bytes of `peer`'s term go, which is `length` long and of which `done` have been folded. Empty if
    /// there is no room.
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

    /// `bytes` have come to where `next` said; returns how much of the term that makes.
    pub fn arrived(&mut self, peer: u32, bytes: u64) -> u64 {
        let slot = self.slot(peer);
        self.asked[slot] = false;
        self.landed[slot] += bytes;
        self.landed[slot]
    }

    /// How much of a fold's terms has come from each peer that has one.
    pub fn of(&self, fold: &Fold) -> impl Iterator<Item = u64> + Clone {
        let slots = match fold.terms {
            Terms::AllRanks => 0..self.landed.len(),
            Terms::Peer(peer) => self.slot(peer)..self.slot(peer) + 1,
        };
        self.landed[slots].iter().copied()
    }

    /// So many bytes of the terms, from byte `begin` on, lie without a break.
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

    /// A fold has come to `fold.done`.
    pub fn folded(&mut self, fold: &Fold) {
        if fold.begin + fold.done == fold.end {
            self.clear();
        } else if !self.asked.contains(&true) && self.of(fold).all(|landed| landed == fold.done) {
            // All rings are empty, and no read is under way to where they went on.
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
