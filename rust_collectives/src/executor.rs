//! Runs one schedule after the other: which bytes may leave now, where arriving bytes go, when a segment is folded.
//!
//! Values and result stay with the driver. What arrives to be copied is read straight into the result. The terms of a
//! fold land here first, each peer's in a ring of its own, as much at a time as there is room for. Of what has come from
//! all, at most a segment at a time, the driver copies its own term to `operand`, calls `fold`, and copies `folded` to the
//! result: all of it stays in the cache.
//!
//! The moves from and to a peer that is `checked` are followed by their sums (guards.rs) on the wire. A rank adds them to
//! what it passes on only when those of all that went into it have come and were right. So bytes flow without waiting, and
//! yet no rank is done before everything that its result was made of has been verified, on whatever ranks.
//!
//! Everything is allocated by `new`; a collective of any length then runs without allocation.

use crate::collective::{Algorithm, Collective, Parts};
use crate::element::{Dtype, Reduction};
use crate::guards::{Guards, Verdict};
use crate::landing::Landing;
use crate::reduce::{self, Kind};
use crate::schedule::{Action, Receive, Schedule, Source, Terms};
use std::ops::Range;

/// Where the bytes of the next send are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// In the values, at `begin..end`.
    Own { begin: u64, end: u64 },
    /// In the result, at `begin..end`.
    Result { begin: u64, end: u64 },
    /// In the trailers, at `begin..end`.
    Trailer { begin: usize, end: usize },
}

/// Where the bytes of the next receive go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into the result, at `begin..end`.
    Result { begin: u64, end: u64 },
    /// Into the landing zone, at `begin..end`.
    Landing { begin: usize, end: usize },
    /// Into the trailers, at `begin..end`.
    Trailer { begin: usize, end: usize },
    /// Nowhere until the next fold has made room.
    Full,
}

/// Bytes whose terms are all here: `own..own + bytes` of the values goes to `operand`, `folded` to `begin` of the result.
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
    /// The fold whose terms land.
    folding: usize,
    landing: Landing,
    operand: Vec<u64>,
    folded: Vec<u64>,
    /// Where a fold keeps its partial sums.
    scratch: Vec<u64>,
    guards: Guards,
    is_damaged: bool,
}

impl Executor {
    /// For rank `rank` of `size`, with `room` for the terms of each peer; folds are made at most `segment` bytes at a time.
    /// Both are multiples of 8.
    pub fn new(rank: u32, size: u32, (room, segment): (usize, usize)) -> Self {
        assert!(rank < size && segment > 0 && segment.is_multiple_of(8) && room.is_multiple_of(8));
        assert!(room >= segment);
        let (ranks, words) = (size as usize, segment / 8);
        let has_lines = room.is_multiple_of(LINE) && segment.is_multiple_of(LINE);
        Self {
            rank,
            size,
            segment: segment as u64,
            grain: if has_lines { LINE as u64 } else { 8 },
            kind: Kind {
                dtype: Dtype::F32,
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
            guards: Guards::new(ranks),
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
        algorithm: Algorithm,
        (dtype, reduction): (Dtype, Reduction),
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
        self.guards.begin();
        self.is_damaged = false;
        if self.size > 1 {
            let (ranks, unit) = ((self.rank, self.size), dtype.bytes());
            let what = (collective, algorithm);
            self.parts.plan(&mut self.schedule, ranks, unit, what);
        }
    }

    /// Has sums follow the moves from and to `peer`, as it does on its side.
    pub fn check(&mut self, peer: u32) {
        self.guards.check(peer);
    }

    /// True once sums were not those of the bytes before them.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Bytes that this collective sends to `peer`, all moves and their trailers together.
    pub fn bytes_to(&self, peer: u32) -> u64 {
        let to_peer = self.schedule.sends.iter().filter(|send| send.peer == peer);
        let lengths = to_peer.map(|send| send.end - send.begin);
        lengths
            .map(|length| self.guards.on_the_wire(peer, length))
            .sum()
    }

    /// Bytes that this collective receives from `peer`, all moves and their trailers together.
    pub fn bytes_from(&self, peer: u32) -> u64 {
        let receives = self.schedule.receives.iter();
        let from_peer = receives.filter(|receive| receive.peer == peer);
        let lengths = from_peer.map(|receive| receive.end - receive.begin);
        lengths
            .map(|length| self.guards.on_the_wire(peer, length))
            .sum()
    }

    /// The bytes that may go to `peer` now; `None` if the next ones are not there yet or none are left.
    pub fn next_send(&mut self, peer: u32) -> Option<Offer> {
        if let Some((index, Range { start: begin, end })) = self.guards.trailer_to(peer) {
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

    /// True if nothing that went into it may be damaged.
    fn is_verified(&self, source: Source) -> bool {
        let is_right = |receive: &Receive| {
            receive.is_verified || receive.begin == receive.end || !self.guards.checks(receive.peer)
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

    /// Takes note of payload for a checked `peer` before it goes, as what comes back may overwrite it before `sent` tells:
    /// the first bytes of the operand, which follow those noted before.
    pub fn sum_sent(&mut self, peer: u32, length: usize) {
        self.guards
            .sum_sent(peer, &as_bytes(&self.operand)[..length]);
    }

    /// Ends a message to `peer`, whose bytes were noted by `sum_sent`; returns where in the trailers its sums lie.
    pub fn message_sent(&mut self, peer: u32) -> usize {
        self.guards.message_sent(peer)
    }

    /// Ends a message from `peer`, whose bytes were noted by `sum_received`; returns where in the trailers lies what must
    /// follow it.
    pub fn message_received(&mut self, peer: u32) -> usize {
        self.guards.message_received(peer)
    }

    /// `bytes` of what `next_send` offered have been written.
    pub fn sent(&mut self, peer: u32, bytes: u64) {
        let offer = self
            .next_send(peer)
            .expect("bytes were sent that were not offered");
        let space = match offer {
            Offer::Own { begin, end } | Offer::Result { begin, end } => end - begin,
            Offer::Trailer { begin, end } => (end - begin) as u64,
        };
        assert!(bytes <= space, "more bytes were sent than offered");
        if self.guards.trailer_sent(peer, bytes) {
            return;
        }
        let index = self.current_send(peer).expect("next_send found it");
        let send = &mut self.schedule.sends[index];
        send.done += bytes;
        if send.begin + send.done == send.end && self.guards.checks(peer) {
            self.guards.end_send(peer, index);
        }
    }

    /// Where the next bytes from `peer` go; `None` once all have come.
    pub fn next_receive(&mut self, peer: u32) -> Option<Target> {
        if let Some(Range { start: begin, end }) = self.guards.trailer_from(peer) {
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

    /// Takes note of payload from a checked `peer` in the result, that `received` will tell of next: the first bytes of
    /// the operand.
    pub fn sum_received(&mut self, peer: u32, length: usize) {
        self.guards
            .sum_received(peer, &as_bytes(&self.operand)[..length]);
    }

    /// `bytes` have been read to where `next_receive` said.
    pub fn received(&mut self, peer: u32, bytes: u64) {
        let target = self
            .next_receive(peer)
            .expect("bytes were received that were not asked for");
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
        if !self.guards.checks(peer) {
            return;
        }
        if let Target::Landing { begin, .. } = target {
            let landed = &as_bytes(self.landing.memory())[begin..begin + bytes as usize];
            self.guards.sum_received(peer, landed);
        }
        let Receive { begin, end, .. } = self.schedule.receives[index];
        if begin + arrived == end {
            self.guards.end_receive(peer, index);
        }
    }

    fn trailer_received(&mut self, peer: u32, bytes: u64) {
        if let Some(Verdict { index, is_right }) = self.guards.trailer_received(peer, bytes) {
            self.schedule.receives[index].is_verified = is_right;
            self.is_damaged |= !is_right;
        }
    }

    /// What can be folded now: all its terms are here, and what it overwrites has been sent. It is not little, unless
    /// nothing more will come or a ring is full.
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

    /// Folds the landed terms and `operand` into `folded`, which may then be sent; the driver copies it to the result
    /// before it asks for the next move.
    pub fn fold(&mut self) {
        let bytes = self.next_fold().expect("a segment is whole").bytes;
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
        self.guards.trailers()
    }

    /// The landing zone, in words of 8 bytes.
    pub fn landing(&mut self) -> &mut [u64] {
        self.landing.memory()
    }

    /// Where the driver puts its own term.
    pub fn operand(&mut self) -> &mut [u64] {
        &mut self.operand
    }

    /// What `fold` has made.
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

/// Of the cache, in bytes.
const LINE: usize = 64;
/// What share of a segment is worth a fold.
const SHARE: u64 = 4;
