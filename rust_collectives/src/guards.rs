//! The sums (checksum.rs) that follow moves from and to peers over a plain network, and the trailers that carry them: per
//! peer the sums for it, then those from it.

use crate::checksum::{self, Checksum};
use std::ops::Range;

pub struct Guards {
    checked: Vec<bool>,
    /// Per peer, what has gone to it and what has come from it.
    outgoing: Vec<Guard>,
    incoming: Vec<Guard>,
    trailers: Vec<u64>,
}

/// The sums of the move that runs.
#[derive(Clone, Copy, Default)]
struct Guard {
    sums: Checksum,
    /// Once it is whole: its number, and how much of its trailer has moved.
    trailer: Option<(usize, usize)>,
}

/// What a trailer that has come whole says of the move of this number.
pub struct Verdict {
    pub index: usize,
    pub is_right: bool,
}

impl Guards {
    pub fn new(ranks: usize) -> Self {
        Self {
            checked: vec![false; ranks],
            outgoing: vec![Guard::default(); ranks],
            incoming: vec![Guard::default(); ranks],
            trailers: vec![0; 2 * ranks * TRAILER / 8],
        }
    }

    /// Forgets all moves.
    pub fn begin(&mut self) {
        self.outgoing.fill(Guard::default());
        self.incoming.fill(Guard::default());
    }

    pub fn check(&mut self, peer: u32) {
        self.checked[peer as usize] = true;
    }

    pub fn checks(&self, peer: u32) -> bool {
        self.checked[peer as usize]
    }

    /// Bytes on the wire of a move of `length` bytes.
    pub fn on_the_wire(&self, peer: u32, length: u64) -> u64 {
        let has_trailer = length > 0 && self.checks(peer);
        length + if has_trailer { TRAILER as u64 } else { 0 }
    }

    /// The trailers of all peers, in words of 8 bytes.
    pub fn trailers(&mut self) -> &mut [u64] {
        &mut self.trailers
    }

    /// Adds payload to the sums of what goes to `peer`.
    pub fn sum_sent(&mut self, peer: u32, bytes: &[u8]) {
        self.outgoing[peer as usize].sums.add(bytes);
    }

    /// Adds payload to the sums of what comes from `peer`.
    pub fn sum_received(&mut self, peer: u32, bytes: &[u8]) {
        self.incoming[peer as usize].sums.add(bytes);
    }

    /// Ends a message to `peer`; returns where in the trailers its sums lie.
    pub fn message_sent(&mut self, peer: u32) -> usize {
        let guard = std::mem::take(&mut self.outgoing[peer as usize]);
        self.put(trailer_to(peer), guard.sums)
    }

    /// Ends a message from `peer`; returns where in the trailers lies what must follow it.
    pub fn message_received(&mut self, peer: u32) -> usize {
        let guard = std::mem::take(&mut self.incoming[peer as usize]);
        self.put(trailer_from(peer), guard.sums)
    }

    /// Move `index` to `peer` is whole: its trailer follows.
    pub fn end_send(&mut self, peer: u32, index: usize) {
        let guard = &mut self.outgoing[peer as usize];
        guard.trailer = Some((index, 0));
        let sums = guard.sums;
        self.put(trailer_to(peer), sums);
    }

    /// Move `index` from `peer` is whole: its trailer is awaited.
    pub fn end_receive(&mut self, peer: u32, index: usize) {
        self.incoming[peer as usize].trailer = Some((index, 0));
    }

    /// The move whose trailer goes to `peer`, and what is left of that.
    pub fn trailer_to(&self, peer: u32) -> Option<(usize, Range<usize>)> {
        let (index, done) = self.outgoing[peer as usize].trailer?;
        let begin = trailer_to(peer);
        Some((index, begin + done..begin + TRAILER))
    }

    /// Where what is left of the trailer that is awaited from `peer` goes.
    pub fn trailer_from(&self, peer: u32) -> Option<Range<usize>> {
        let (_, done) = self.incoming[peer as usize].trailer?;
        let begin = trailer_from(peer);
        Some(begin + done..begin + TRAILER)
    }

    /// Bytes of a trailer have gone to `peer`; false if there is none.
    pub fn trailer_sent(&mut self, peer: u32, bytes: u64) -> bool {
        let guard = &mut self.outgoing[peer as usize];
        let Some((_, done)) = &mut guard.trailer else {
            return false;
        };
        *done += bytes as usize;
        if *done == TRAILER {
            *guard = Guard::default();
        }
        true
    }

    /// Bytes of a trailer have come from `peer`; once it is whole, what it says.
    pub fn trailer_received(&mut self, peer: u32, bytes: u64) -> Option<Verdict> {
        let guard = &mut self.incoming[peer as usize];
        let (index, done) = guard.trailer.as_mut().expect("a trailer is awaited");
        *done += bytes as usize;
        if *done < TRAILER {
            return None;
        }
        let (index, words) = (*index, trailer_from(peer) / 8);
        let is_right = self.trailers[words..words + TRAILER / 8] == guard.sums.finish();
        *guard = Guard::default();
        Some(Verdict { index, is_right })
    }

    fn put(&mut self, begin: usize, sums: Checksum) -> usize {
        self.trailers[begin / 8..(begin + TRAILER) / 8].copy_from_slice(&sums.finish());
        begin
    }
}

fn trailer_to(peer: u32) -> usize {
    2 * peer as usize * TRAILER
}

fn trailer_from(peer: u32) -> usize {
    trailer_to(peer) + TRAILER
}

/// Bytes of a trailer.
const TRAILER: usize = checksum::BYTES;
