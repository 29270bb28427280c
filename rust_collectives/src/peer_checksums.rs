//! The checksums (checksum.rs) of moves to and from peers over a plain network, and the trailers that carry them: for each
//! peer the one that is sent, then the one that is received.

use crate::checksum::{self, Checksum};
use std::ops::Range;

pub struct PeerChecksums {
    checked: Vec<bool>,
    /// Per peer, of the bytes sent to it and received from it.
    outgoing: Vec<MoveChecksum>,
    incoming: Vec<MoveChecksum>,
    trailers: Vec<u64>,
}

/// The checksum of the current move.
#[derive(Clone, Copy, Default)]
struct MoveChecksum {
    sums: Checksum,
    /// Once all bytes of the move have been summed: its index, and the bytes of its trailer that have moved.
    trailer: Option<(usize, usize)>,
}

/// Whether the trailer of move `index` matches the bytes received.
pub struct TrailerCheck {
    pub index: usize,
    pub is_match: bool,
}

impl PeerChecksums {
    pub fn new(ranks: usize) -> Self {
        Self {
            checked: vec![false; ranks],
            outgoing: vec![MoveChecksum::default(); ranks],
            incoming: vec![MoveChecksum::default(); ranks],
            trailers: vec![0; 2 * ranks * TRAILER / 8],
        }
    }

    /// Begins another collective.
    pub fn begin(&mut self) {
        self.outgoing.fill(MoveChecksum::default());
        self.incoming.fill(MoveChecksum::default());
    }

    pub fn check(&mut self, peer: u32) {
        self.checked[peer as usize] = true;
    }

    pub fn checks(&self, peer: u32) -> bool {
        self.checked[peer as usize]
    }

    /// Bytes on the wire of a move of `length` bytes, with its trailer.
    pub fn on_the_wire(&self, peer: u32, length: u64) -> u64 {
        let has_trailer = length > 0 && self.checks(peer);
        length + if has_trailer { TRAILER as u64 } else { 0 }
    }

    /// The trailers of all peers, in words of 8 bytes.
    pub fn trailers(&mut self) -> &mut [u64] {
        &mut self.trailers
    }

    /// Adds payload that is sent to `peer`.
    pub fn sum_sent(&mut self, peer: u32, bytes: &[u8]) {
        self.outgoing[peer as usize].sums.add(bytes);
    }

    /// Adds payload that was received from `peer`.
    pub fn sum_received(&mut self, peer: u32, bytes: &[u8]) {
        self.incoming[peer as usize].sums.add(bytes);
    }

    /// Ends a message to `peer`; returns the offset of its checksum in the trailers.
    pub fn message_sent(&mut self, peer: u32) -> usize {
        let current = std::mem::take(&mut self.outgoing[peer as usize]);
        self.put(trailer_to(peer), current.sums)
    }

    /// Ends a message from `peer`; returns the offset of the expected checksum in the trailers.
    pub fn message_received(&mut self, peer: u32) -> usize {
        let current = std::mem::take(&mut self.incoming[peer as usize]);
        self.put(trailer_from(peer), current.sums)
    }

    /// All of move `index` has been sent to `peer`: its trailer follows.
    pub fn end_send(&mut self, peer: u32, index: usize) {
        let current = &mut self.outgoing[peer as usize];
        current.trailer = Some((index, 0));
        let sums = current.sums;
        self.put(trailer_to(peer), sums);
    }

    /// All of move `index` has been received from `peer`: its trailer follows.
    pub fn end_receive(&mut self, peer: u32, index: usize) {
        self.incoming[peer as usize].trailer = Some((index, 0));
    }

    /// The move whose trailer is being sent to `peer`, and the bytes of it that are left.
    pub fn trailer_to(&self, peer: u32) -> Option<(usize, Range<usize>)> {
        let (index, done) = self.outgoing[peer as usize].trailer?;
        let begin = trailer_to(peer);
        Some((index, begin + done..begin + TRAILER))
    }

    /// The place for the rest of the trailer that is being received from `peer`.
    pub fn trailer_from(&self, peer: u32) -> Option<Range<usize>> {
        let (_, done) = self.incoming[peer as usize].trailer?;
        let begin = trailer_from(peer);
        Some(begin + done..begin + TRAILER)
    }

    /// Bytes of a trailer have been sent to `peer`; false if none is being sent.
    pub fn trailer_sent(&mut self, peer: u32, bytes: u64) -> bool {
        let current = &mut self.outgoing[peer as usize];
        let Some((_, done)) = &mut current.trailer else {
            return false;
        };
        *done += bytes as usize;
        if *done == TRAILER {
            *current = MoveChecksum::default();
        }
        true
    }

    /// Bytes of a trailer have been received from `peer`; once it is complete, whether it matches.
    pub fn trailer_received(&mut self, peer: u32, bytes: u64) -> Option<TrailerCheck> {
        let current = &mut self.incoming[peer as usize];
        let (index, done) = current
            .trailer
            .as_mut()
            .expect("a trailer is being received");
        *done += bytes as usize;
        if *done < TRAILER {
            return None;
        }
        let (index, words) = (*index, trailer_from(peer) / 8);
        let is_match = self.trailers[words..words + TRAILER / 8] == current.sums.finish();
        *current = MoveChecksum::default();
        Some(TrailerCheck { index, is_match })
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
