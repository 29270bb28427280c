//! The sums of moves to and from peers over a plain network, and the trailers that carry them: for each peer the one that
//! is sent, then the one that is received. They are checksums against damage (checksum.rs) or, with the keys of a session,
//! keyed sums against third parties too (keyed_sum.rs).

use crate::checksum::{self, Checksum};
use crate::keyed_sum::{self, KeyedSum};
use std::ops::Range;

pub struct PeerChecksums {
    /// Per peer, of the bytes sent to it and received from it.
    outgoing: Vec<MoveSum>,
    incoming: Vec<MoveSum>,
    trailers: Vec<u64>,
}

/// The sum of the current move.
#[derive(Clone, Default)]
struct MoveSum {
    sum: Sum,
    /// Once all bytes of the move have been summed: its index, and the bytes of its trailer that have moved.
    trailer: Option<(usize, usize)>,
}

#[derive(Clone, Default)]
enum Sum {
    /// The bytes need no sum.
    #[default]
    None,
    Plain(Checksum),
    Keyed(Box<KeyedSum>),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Plain(sum) => sum.add(bytes),
            Self::Keyed(sum) => sum.add(bytes),
        }
    }

    /// Ends a move or a message, and begins the next; writes its trailer.
    fn finish(&mut self, trailer: &mut [u64]) {
        match self {
            Self::None => {}
            Self::Plain(sum) => trailer.copy_from_slice(&std::mem::take(sum).finish()),
            Self::Keyed(sum) => trailer[..2].copy_from_slice(&sum.finish()),
        }
    }

    /// Gives up a move that was not completed.
    fn forget(&mut self) {
        match self {
            Self::None => {}
            Self::Plain(sum) => *sum = Checksum::default(),
            Self::Keyed(sum) => sum.forget(),
        }
    }

    /// Bytes of a trailer on the wire.
    fn trailer(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Plain(_) => checksum::BYTES,
            Self::Keyed(_) => keyed_sum::BYTES,
        }
    }
}

/// Whether the trailer of move `index` matches the bytes received.
pub struct TrailerCheck {
    pub index: usize,
    pub is_match: bool,
}

impl PeerChecksums {
    pub fn new(ranks: usize) -> Self {
        Self {
            outgoing: vec![MoveSum::default(); ranks],
            incoming: vec![MoveSum::default(); ranks],
            trailers: vec![0; 2 * ranks * TRAILER / 8],
        }
    }

    /// Begins another collective.
    pub fn begin(&mut self) {
        for each in self.outgoing.iter_mut().chain(&mut self.incoming) {
            each.sum.forget();
            each.trailer = None;
        }
    }

    pub fn check(&mut self, peer: u32) {
        for each in [&mut self.outgoing, &mut self.incoming] {
            each[peer as usize].sum = Sum::Plain(Checksum::default());
        }
    }

    /// With the session's keys for what is sent and received.
    pub fn authenticate(&mut self, peer: u32, (to, from): (&[u8; 32], &[u8; 32])) {
        self.outgoing[peer as usize].sum = Sum::Keyed(Box::new(KeyedSum::new(to)));
        self.incoming[peer as usize].sum = Sum::Keyed(Box::new(KeyedSum::new(from)));
    }

    pub fn checks(&self, peer: u32) -> bool {
        self.trailer_bytes(peer) > 0
    }

    /// Bytes of a trailer to or from `peer`, 0 if there are none.
    pub fn trailer_bytes(&self, peer: u32) -> usize {
        self.outgoing[peer as usize].sum.trailer()
    }

    /// Bytes on the wire of a move of `length` bytes, with its trailer.
    pub fn on_the_wire(&self, peer: u32, length: u64) -> u64 {
        if length == 0 {
            return 0;
        }
        length + self.trailer_bytes(peer) as u64
    }

    /// The trailers of all peers, in words of 8 bytes.
    pub fn trailers(&mut self) -> &mut [u64] {
        &mut self.trailers
    }

    /// Adds payload that is sent to `peer`.
    pub fn sum_sent(&mut self, peer: u32, bytes: &[u8]) {
        self.outgoing[peer as usize].sum.add(bytes);
    }

    /// Adds payload that was received from `peer`.
    pub fn sum_received(&mut self, peer: u32, bytes: &[u8]) {
        self.incoming[peer as usize].sum.add(bytes);
    }

    /// Ends a message to `peer`; returns the offset of its sum in the trailers.
    pub fn message_sent(&mut self, peer: u32) -> usize {
        let begin = trailer_to(peer);
        let words = &mut self.trailers[begin / 8..(begin + TRAILER) / 8];
        self.outgoing[peer as usize].sum.finish(words);
        begin
    }

    /// Ends a message from `peer`; returns the offset of the expected sum in the trailers.
    pub fn message_received(&mut self, peer: u32) -> usize {
        let begin = trailer_from(peer);
        let words = &mut self.trailers[begin / 8..(begin + TRAILER) / 8];
        self.incoming[peer as usize].sum.finish(words);
        begin
    }

    /// All of move `index` has been sent to `peer`: its trailer follows.
    pub fn end_send(&mut self, peer: u32, index: usize) {
        self.message_sent(peer);
        self.outgoing[peer as usize].trailer = Some((index, 0));
    }

    /// All of move `index` has been received from `peer`: its trailer follows.
    pub fn end_receive(&mut self, peer: u32, index: usize) {
        self.incoming[peer as usize].trailer = Some((index, 0));
    }

    /// The move whose trailer is being sent to `peer`, and the bytes of it that are left.
    pub fn trailer_to(&self, peer: u32) -> Option<(usize, Range<usize>)> {
        let (index, done) = self.outgoing[peer as usize].trailer?;
        let begin = trailer_to(peer);
        Some((index, begin + done..begin + self.trailer_bytes(peer)))
    }

    /// The place for the rest of the trailer that is being received from `peer`.
    pub fn trailer_from(&self, peer: u32) -> Option<Range<usize>> {
        let (_, done) = self.incoming[peer as usize].trailer?;
        let begin = trailer_from(peer);
        Some(begin + done..begin + self.trailer_bytes(peer))
    }

    /// Bytes of a trailer have been sent to `peer`; false if none is being sent.
    pub fn trailer_sent(&mut self, peer: u32, bytes: u64) -> bool {
        let length = self.trailer_bytes(peer);
        let current = &mut self.outgoing[peer as usize];
        let Some((_, done)) = &mut current.trailer else {
            return false;
        };
        *done += bytes as usize;
        if *done == length {
            current.trailer = None;
        }
        true
    }

    /// Bytes of a trailer have been received from `peer`; once it is complete, whether it matches.
    pub fn trailer_received(&mut self, peer: u32, bytes: u64) -> Option<TrailerCheck> {
        let length = self.trailer_bytes(peer);
        let current = &mut self.incoming[peer as usize];
        let (index, done) = current
            .trailer
            .as_mut()
            .expect("a trailer is being received");
        *done += bytes as usize;
        if *done < length {
            return None;
        }
        let index = *index;
        current.trailer = None;
        let mut expected = [0; TRAILER / 8];
        current.sum.finish(&mut expected);
        let received = &self.trailers[trailer_from(peer) / 8..][..length / 8];
        Some(TrailerCheck {
            index,
            is_match: is_same(received, &expected[..length / 8]),
        })
    }
}

/// In a time that does not depend on where they differ.
fn is_same(one: &[u64], other: &[u64]) -> bool {
    let differences = one.iter().zip(other).map(|(a, b)| a ^ b);
    std::hint::black_box(differences.fold(0, |all, each| all | each)) == 0
}

fn trailer_to(peer: u32) -> usize {
    2 * peer as usize * TRAILER
}

fn trailer_from(peer: u32) -> usize {
    trailer_to(peer) + TRAILER
}

/// Room for a trailer.
const TRAILER: usize = checksum::BYTES;
