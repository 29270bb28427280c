//! Executes one schedule after the other: which bytes may be sent now, where received bytes go, when a segment is folded.
//!
//! Values and result stay with the driver. Bytes that are only copied are read straight into the result. The terms of a
//! fold are received here first, each peer's into a ring buffer (landing.rs). For every segment that has been received
//! from all peers, the driver copies its own term to `operand`, calls `fold`, and copies `folded` to the result: all of it
//! stays in the cache.
//!
//! Moves to and from a `checked` peer are followed by their checksums on the wire (peer_checksums.rs). A rank sends the
//! checksums of bytes that it forwards only after it has received and verified the checksums of all of their inputs. So
//! bytes flow without waiting, and yet no rank finishes before all inputs of its result have been verified on every rank.
//!
//! Everything is allocated by `new`; a collective of any length then runs without allocation.

use crate::algorithm::Algorithm;
use crate::collective::{Collective, Parts};
use crate::element::{ElementType, Reduction};
use crate::landing::Landing;
use crate::peer_checksums::{PeerChecksums, TrailerCheck};
use crate::reduce::{self, Kind};
use crate::schedule::{Action, Receive, Schedule, Source, Terms};
use std::ops::Range;

/// The location of the next bytes to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// In the values, at `begin..end`.
    Own { begin: u64, end: u64 },
    /// In the result, at `begin..end`.
    Result { begin: u64, end: u64 },
    /// In the trailers, at `begin..end`.
    Trailer { begin: usize, end: usize },
}

/// The destination of the next bytes to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into the result, at `begin..end`.
    Result { begin: u64, end: u64 },
    /// Into the landing zone, at `begin..end`.
    Landing { begin: usize, end: usize },
    /// Into the trailers, at `begin..end`.
    Trailer { begin: usize, end: usize },
    /// None before the next fold has made room.
    Full,
}

/// Bytes whose terms have all been received: copy `own..own + bytes` of the values to `operand`, and `folded` to `begin` of
/// the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub own: u64,
    pub begin: u64,
    pub bytes: u64,
}

pub struct Executor {
    rank: u32,
    size: u32,
    /// Most bytes that are folded at a time.
    segment: u64,
    /// Folds begin at multiples of it.
    grain: u64,
    kind: Kind,
    parts: Parts,
    schedule: Schedule,
    /// Per peer, the first send and the first receive that may be unfinished.
    current: Vec<(usize, usize)>,
    /// Index of the fold whose terms are being received.
    folding: usize,
    landing: Landing,
    operand: Vec<u64>,
    folded: Vec<u64>,
    /// Memory for the partial sums of a fold.
    scratch: Vec<u64>,
    checksums: PeerChecksums,
    is_damaged: bool,
}

impl Executor {
    /// For rank `rank` of `size`, with `room` for the terms of each peer; folds are made at most `segment` bytes at a time.
    /// Both are multiples of 8.
    pub fn new(rank: u32, size: u32, (room, segment): (usize, usize)) -> Self {
        assert!(rank < size && segment > 0 && segment.is_multiple_of(8) && room.is_multiple_of(8));
        assert!(room >= segment);
        let (ranks, words) = (size as usize, segment / 8);
        let is_of_lines = room.is_multiple_of(LINE) && segment.is_multiple_of(LINE);
        Self {
            rank,
            size,
            segment: segment as u64,
            grain: if is_of_lines { LINE as u64 } else { 8 },
            kind: Kind {
                dtype: ElementType::F32,
                reduction: Reduction::Sum,
                ranks: size,
            },
            parts: Parts::of(ranks),
            schedule: Schedule::with_capacity(2 * ranks),
            current: vec![(0, 0); ranks],
            folding: 0,
            landing: Landing::new(rank, size, room),
            operand: vec![0; words],
            folded: vec![0; words],
            scratch: vec![0; reduce::scratch_words(ranks)],
            checksums: PeerChecksums::new(ranks),
            is_damaged: false,
        }
    }

    /// Elements per rank; to be set before `begin`.
    pub fn counts(&mut self) -> &mut [u32] {
        &mut self.parts.counts
    }

    /// Elements of an all-to-all's result per rank; to be set before `begin`.
    pub fn result_counts(&mut self) -> &mut [u32] {
        &mut self.parts.result_counts
    }

    /// Starts a collective; the one before must be finished or given up. A group of one has no moves.
    pub fn begin(
        &mut self,
        collective: Collective,
        algorithm: &Algorithm,
        (dtype, reduction): (ElementType, Reduction),
    ) {
        self.kind = Kind {
            dtype,
            reduction,
            ranks: self.size,
        };
        self.schedule.clear();
        self.current.fill((0, 0));
        self.folding = 0;
        self.landing.begin();
        self.checksums.begin();
        self.is_damaged = false;
        if self.size > 1 {
            let (ranks, unit) = ((self.rank, self.size), dtype.bytes());
            let what = (collective, algorithm);
            self.parts
                .write_moves(&mut self.schedule, ranks, unit, what);
        }
    }

    /// Sends and expects checksums after the moves to and from `peer`, which must do the same.
    pub fn check(&mut self, peer: u32) {
        self.checksums.check(peer);
    }

    /// As `check`, with keyed sums: the session's keys for what is sent and received.
    pub fn authenticate(&mut self, peer: u32, keys: (&[u8; 32], &[u8; 32])) {
        self.checksums.authenticate(peer, keys);
    }

    /// Bytes of the sum after each move to and from `peer`, 0 if there is none.
    pub fn trailer_bytes(&self, peer: u32) -> usize {
        self.checksums.trailer_bytes(peer)
    }

    /// True once a checksum did not match the bytes before it.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Bytes that this collective sends to `peer`, all moves and their trailers together.
    pub fn bytes_to(&self, peer: u32) -> u64 {
        let to_peer = self.schedule.sends.iter().filter(|send| send.peer == peer);
        let lengths = to_peer.map(|send| send.end - send.begin);
        lengths
            .map(|length| self.checksums.on_the_wire(peer, length))
            .sum()
    }

    /// Bytes that this collective receives from `peer`, all moves and their trailers together.
    pub fn bytes_from(&self, peer: u32) -> u64 {
        let receives = self.schedule.receives.iter();
        let from_peer = receives.filter(|receive| receive.peer == peer);
        let lengths = from_peer.map(|receive| receive.end - receive.begin);
        lengths
            .map(|length| self.checksums.on_the_wire(peer, length))
            .sum()
    }

    /// The bytes that may be sent to `peer` now; `None` if the next ones are not ready or none are left.
    pub fn next_send(&mut self, peer: u32) -> Option<Offer> {
        if let Some((index, Range { start: begin, end })) = self.checksums.trailer_to(peer) {
            let is_verified = self.is_verified(self.schedule.sends[index].source);
            return is_verified.then_some(Offer::Trailer { begin, end });
        }
        let index = self.current_send(peer)?;
        let send = self.schedule.sends[index];
        let ready = match send.source {
            Source::Own => send.end,
            Source::Receive(index) => send.begin + self.schedule.receives[index].done,
            Source::Fold(index) => send.begin + self.schedule.folds[index].done,
        };
        let (begin, end) = (send.begin + send.done, ready);
        (begin < end).then_some(match send.source {
            Source::Own => Offer::Own { begin, end },
            _ => Offer::Result { begin, end },
        })
    }

    /// True if the checksums of all inputs of `source` have been verified.
    fn is_verified(&self, source: Source) -> bool {
        let is_right = |receive: &Receive| {
            receive.is_verified
                || receive.begin == receive.end
                || !self.checksums.checks(receive.peer)
        };
        let mut receives = self.schedule.receives.iter();
        match source {
            Source::Own => true,
            Source::Receive(index) => is_right(&self.schedule.receives[index]),
            Source::Fold(fold) => {
                receives.all(|receive| receive.action != Action::Term(fold) || is_right(receive))
            }
        }
    }

    /// Adds payload for a checked `peer` to its checksum before it is written, as received bytes may overwrite it before
    /// `sent` is called: the first bytes of the operand, which follow those added before.
    pub fn sum_sent(&mut self, peer: u32, length: usize) {
        self.checksums
            .sum_sent(peer, &as_bytes(&self.operand)[..length]);
    }

    /// Ends a message to `peer`, whose bytes were added by `sum_sent`; returns the offset of its checksum in the trailers.
    pub fn message_sent(&mut self, peer: u32) -> usize {
        self.checksums.message_sent(peer)
    }

    /// Ends a message from `peer`, whose bytes were added by `sum_received`; returns the offset of the expected checksum in
    /// the trailers.
    pub fn message_received(&mut self, peer: u32) -> usize {
        self.checksums.message_received(peer)
    }

    /// `bytes` of what `next_send` offered have been written.
    pub fn sent(&mut self, peer: u32, bytes: u64) {
        let offer = self
            .next_send(peer)
            .expect("more bytes were sent than offered");
        let space = match offer {
            Offer::Own { begin, end } | Offer::Result { begin, end } => end - begin,
            Offer::Trailer { begin, end } => (end - begin) as u64,
        };
        assert!(bytes <= space, "more bytes were sent than offered");
        if self.checksums.trailer_sent(peer, bytes) {
            return;
        }
        let index = self.current_send(peer).expect("next_send found it");
        let send = &mut self.schedule.sends[index];
        send.done += bytes;
        if send.begin + send.done == send.end && self.checksums.checks(peer) {
            self.checksums.end_send(peer, index);
        }
    }

    /// The destination of the next bytes from `peer`; `None` once all have been received.
    pub fn next_receive(&mut self, peer: u32) -> Option<Target> {
        if let Some(Range { start: begin, end }) = self.checksums.trailer_from(peer) {
            return Some(Target::Trailer { begin, end });
        }
        let index = self.current_receive(peer)?;
        let receive = self.schedule.receives[index];
        let Action::Term(fold) = receive.action else {
            return Some(Target::Result {
                begin: receive.begin + receive.done,
                end: receive.end,
            });
        };
        let (length, done) = (receive.end - receive.begin, self.schedule.folds[fold].done);
        let Range { start: begin, end } = self.landing.next(peer, length, done);
        Some(if begin < end {
            Target::Landing { begin, end }
        } else {
            Target::Full
        })
    }

    /// Adds payload from a checked `peer` to its checksum, before `received` is called for it: the first bytes of the
    /// operand.
    pub fn sum_received(&mut self, peer: u32, length: usize) {
        self.checksums
            .sum_received(peer, &as_bytes(&self.operand)[..length]);
    }

    /// `bytes` have been read to the destination that `next_receive` returned.
    pub fn received(&mut self, peer: u32, bytes: u64) {
        let target = self
            .next_receive(peer)
            .expect("more bytes were received than asked for");
        let space = match target {
            Target::Result { begin, end } => end - begin,
            Target::Landing { begin, end } | Target::Trailer { begin, end } => (end - begin) as u64,
            Target::Full => 0,
        };
        assert!(bytes <= space, "more bytes were received than asked for");
        if let Target::Trailer { .. } = target {
            return self.trailer_received(peer, bytes);
        }
        let index = self.current_receive(peer).expect("next_receive found it");
        let receive = &mut self.schedule.receives[index];
        let arrived = match receive.action {
            Action::Copy => {
                receive.done += bytes;
                receive.done
            }
            Action::Term(fold) => {
                self.folding = fold;
                self.landing.arrived(peer, bytes)
            }
        };
        if !self.checksums.checks(peer) {
            return;
        }
        if let Target::Landing { begin, .. } = target {
            let landed = &as_bytes(self.landing.memory())[begin..begin + bytes as usize];
            self.checksums.sum_received(peer, landed);
        }
        let Receive { begin, end, .. } = self.schedule.receives[index];
        if begin + arrived == end {
            self.checksums.end_receive(peer, index);
        }
    }

    fn trailer_received(&mut self, peer: u32, bytes: u64) {
        let check = self.checksums.trailer_received(peer, bytes);
        if let Some(TrailerCheck { index, is_match }) = check {
            self.schedule.receives[index].is_verified = is_match;
            self.is_damaged |= !is_match;
        }
    }

    /// The segment that can be folded now: all its terms have been received, and the values that it overwrites have been
    /// sent. It is a quarter of the longest or more, unless nothing more will be received or a ring is full.
    pub fn next_fold(&self) -> Option<Segment> {
        let fold = self.schedule.folds.get(self.folding)?;
        let missing = fold.end - fold.begin - fold.done;
        if missing == 0 {
            return None;
        }
        let landed = self.landing.of(fold).map(|landed| landed - fold.done);
        let whole = landed.clone().min().unwrap_or(0);
        let is_full = landed.max() == Some(self.landing.room());
        let bytes = whole
            .min(self.segment)
            .min(self.landing.unbroken(fold.done));
        let bytes = if bytes == missing {
            bytes
        } else if whole == missing || whole >= self.segment / SHARE || is_full {
            bytes / self.grain * self.grain
        } else {
            return None;
        };
        let own = fold.own + fold.done;
        let is_sent = self.schedule.sends.iter().all(|send| {
            send.source != Source::Own
                || send.end <= own
                || own + bytes <= send.begin
                || send.begin + send.done >= send.end.min(own + bytes)
        });
        (bytes > 0 && is_sent).then_some(Segment {
            own,
            begin: fold.begin + fold.done,
            bytes,
        })
    }

    /// Folds the received terms and `operand` into `folded`, which may then be sent; the driver copies it to the result
    /// before it asks for the next move.
    pub fn fold(&mut self) {
        let bytes = self.next_fold().expect("a segment can be folded").bytes;
        let fold = self.schedule.folds[self.folding];
        let words = bytes.div_ceil(8) as usize;
        let (size, rank) = (self.size as usize, self.rank as usize);
        let (landing, operand) = (&self.landing, &self.operand);
        let from = |peer: usize| landing.term(peer, fold.done, words, operand);
        let memory = (&mut self.scratch[..], &mut self.folded[..], bytes as usize);
        match fold.terms {
            Terms::AllRanks => reduce::reduce(self.kind, (0..size).map(from), memory),
            Terms::Peer(peer) => {
                let mut kind = self.kind;
                if !fold.last && kind.reduction == Reduction::Mean {
                    kind.reduction = Reduction::Sum;
                }
                reduce::reduce(kind, [peer as usize, rank].into_iter().map(from), memory);
            }
        }
        self.schedule.folds[self.folding].done += bytes;
        for receive in &mut self.schedule.receives {
            if receive.action == Action::Term(self.folding) {
                receive.done += bytes;
            }
        }
        self.landing.folded(&self.schedule.folds[self.folding]);
    }

    /// The trailers of all peers, in words of 8 bytes.
    pub fn trailers(&mut self) -> &mut [u64] {
        self.checksums.trailers()
    }

    /// The landing zone, in words of 8 bytes.
    pub fn landing(&mut self) -> &mut [u64] {
        self.landing.memory()
    }

    /// The buffer into which the driver copies its own term.
    pub fn operand(&mut self) -> &mut [u64] {
        &mut self.operand
    }

    /// The output of `fold`.
    pub fn folded(&mut self) -> &mut [u64] {
        &mut self.folded
    }

    fn current_send(&mut self, peer: u32) -> Option<usize> {
        let current = &mut self.current[peer as usize].0;
        let is_open =
            |send: &crate::schedule::Send| send.peer == peer && send.begin + send.done < send.end;
        *current += self.schedule.sends[*current..]
            .iter()
            .take_while(|send| !is_open(send))
            .count();
        (*current < self.schedule.sends.len()).then_some(*current)
    }

    fn current_receive(&mut self, peer: u32) -> Option<usize> {
        let current = &mut self.current[peer as usize].1;
        let is_open =
            |receive: &Receive| receive.peer == peer && receive.begin + receive.done < receive.end;
        let closed = self.schedule.receives[*current..]
            .iter()
            .take_while(|receive| !is_open(receive));
        *current += closed.count();
        (*current < self.schedule.receives.len()).then_some(*current)
    }
}

fn as_bytes(words: &[u64]) -> &[u8] {
    // SAFETY: every bit pattern is a valid u8, and the lengths in bytes agree.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// A cache line, in bytes.
const LINE: usize = 64;
/// A fold is worth its cost from one such part of a segment on.
const SHARE: u64 = 4;
