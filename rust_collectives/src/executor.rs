//! Runs one schedule after the other: which bytes may leave now, where arriving bytes go, when a segment is folded.
//!
//! Values and result stay with the driver. What arrives to be copied is read straight into the result. The terms of a
//! fold land here first, each peer's in a ring of its own, as much at a time as there is room for. Of what has come from
//! all, at most a segment at a time, the driver copies its own term to `operand`, calls `fold`, and copies `folded` to the
//! result: all of it stays in the cache.
//!
//! The moves from and to a peer that is `checked` are followed by their sums (checksum.rs) on the wire. A rank adds them to
//! what it passes on only when those of all that went into it have come and were right. So bytes flow without waiting, and
//! yet no rank is done before everything that its result was made of has been verified, on whatever ranks.
//!
//! Everything is allocated by `new`; a collective of any length then runs without allocation.

use crate::checksum::{self, Checksum};
use crate::element::{Dtype, Reduction};
use crate::reduce::{self, Kind};
use crate::schedule::{Action, Fold, Receive, Schedule, Source, Terms};
use crate::{chain, direct, ring};

/// A collective, in elements. Counts per rank are in `Executor::counts` and `Executor::result_counts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collective {
    AllReduce {
        count: u64,
    },
    /// Rank r keeps the r-th part, `counts[r]` long. Direct: as the whole result; ring: at its place.
    ReduceScatter,
    /// Rank r brings the r-th part, `counts[r]` long, as its whole values.
    AllGather,
    Broadcast {
        root: u32,
        count: u64,
    },
    Reduce {
        root: u32,
        count: u64,
    },
    /// `counts[r]` elements of the values go to rank r, `result_counts[r]` of the result come from it.
    AllToAll,
    /// No bytes: the frames' headers are the barrier.
    Barrier,
}

/// Algorithms, numbered as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Ring,
    Chain,
    Direct,
    OneShot,
    TwoShot,
}

impl Algorithm {
    pub const ALL: [Self; 5] = [
        Self::Ring,
        Self::Chain,
        Self::Direct,
        Self::OneShot,
        Self::TwoShot,
    ];
}

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
    /// Bytes that may have landed from each peer and not been folded.
    room: u64,
    /// Most bytes that are folded at a time.
    segment: u64,
    /// Folds begin at multiples of it.
    grain: u64,
    kind: Kind,
    counts: Vec<u32>,
    result_counts: Vec<u32>,
    offsets: Vec<u64>,
    result_offsets: Vec<u64>,
    schedule: Schedule,
    /// Per peer, the first send and the first receive that may be unfinished.
    current: Vec<(usize, usize)>,
    /// A ring for each peer, from the next rank on.
    landing: Vec<u64>,
    /// The fold whose terms land, how much of them has come from each peer, and which byte of them lies first in the rings.
    folding: usize,
    landed: Vec<u64>,
    base: u64,
    /// Whose next bytes may be on their way to where `next_receive` said.
    asked: Vec<bool>,
    operand: Vec<u64>,
    folded: Vec<u64>,
    /// Where a fold keeps its partial sums.
    scratch: Vec<u64>,
    checked: Vec<bool>,
    /// Per peer, what has gone to it and what has come from it.
    outgoing: Vec<Guard>,
    incoming: Vec<Guard>,
    /// Per peer, the sums for it and those from it.
    trailers: Vec<u64>,
    is_damaged: bool,
}

/// The sums of the move that runs.
#[derive(Clone, Copy, Default)]
struct Guard {
    sums: Checksum,
    /// Once it is whole: its number, and how much of its trailer has moved.
    trailer: Option<(usize, usize)>,
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
            room: room as u64,
            segment: segment as u64,
            grain: if has_lines { LINE as u64 } else { 8 },
            kind: Kind {
                dtype: Dtype::F32,
                reduction: Reduction::Sum,
                ranks: size,
            },
            counts: vec![0; ranks],
            result_counts: vec![0; ranks],
            offsets: vec![0; ranks + 1],
            result_offsets: vec![0; ranks + 1],
            schedule: Schedule::with_capacity(2 * ranks),
            current: vec![(0, 0); ranks],
            landing: vec![0; (ranks - 1) * room / 8],
            folding: 0,
            landed: vec![0; ranks - 1],
            base: 0,
            asked: vec![false; ranks - 1],
            operand: vec![0; words],
            folded: vec![0; words],
            scratch: vec![0; reduce::scratch_words(ranks)],
            checked: vec![false; ranks],
            outgoing: vec![Guard::default(); ranks],
            incoming: vec![Guard::default(); ranks],
            trailers: vec![0; 2 * ranks * TRAILER / 8],
            is_damaged: false,
        }
    }

    /// Elements per rank; to be set before `begin`.
    pub fn counts(&mut self) -> &mut [u32] {
        &mut self.counts
    }

    /// Elements of an all-to-all's result per rank; to be set before `begin`.
    pub fn result_counts(&mut self) -> &mut [u32] {
        &mut self.result_counts
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
        self.landed.fill(0);
        self.base = 0;
        self.asked.fill(false);
        self.outgoing.fill(Guard::default());
        self.incoming.fill(Guard::default());
        self.is_damaged = false;
        if self.size > 1 {
            self.plan(collective, algorithm);
        }
    }

    fn plan(&mut self, collective: Collective, algorithm: Algorithm) {
        let (ranks, unit) = ((self.rank, self.size), self.kind.dtype.bytes());
        if let Collective::AllReduce { count } = collective {
            let size = u64::from(self.size);
            let even = (0..size).map(|chunk| count / size + u64::from(chunk < count % size));
            cut(&mut self.offsets, even, unit);
        } else {
            cut(
                &mut self.offsets,
                self.counts.iter().copied().map(u64::from),
                unit,
            );
        }
        let schedule = &mut self.schedule;
        match (collective, algorithm) {
            (Collective::AllReduce { count }, Algorithm::OneShot) => {
                direct::one_shot(schedule, ranks, count * unit);
            }
            (Collective::AllReduce { .. }, Algorithm::TwoShot) => {
                direct::two_shot(schedule, ranks, &self.offsets);
            }
            (Collective::AllReduce { .. }, Algorithm::Ring) => {
                ring::all_reduce(schedule, self.rank, &self.offsets);
            }
            (Collective::ReduceScatter, Algorithm::Direct) => {
                direct::reduce_scatter(schedule, ranks, &self.offsets);
            }
            (Collective::ReduceScatter, Algorithm::Ring) => {
                ring::reduce_scatter(schedule, self.rank, &self.offsets);
            }
            (Collective::AllGather, Algorithm::Direct) => {
                direct::all_gather(schedule, ranks, (0, &self.offsets));
            }
            (Collective::AllGather, Algorithm::Ring) => {
                ring::all_gather(schedule, self.rank, (0, &self.offsets));
            }
            (Collective::Broadcast { root, count }, Algorithm::Direct) => {
                direct::broadcast(schedule, ranks, (root, count * unit));
            }
            (Collective::Broadcast { root, count }, Algorithm::Chain) => {
                chain::broadcast(schedule, ranks, (root, count * unit));
            }
            (Collective::Reduce { root, count }, Algorithm::Direct) => {
                direct::reduce(schedule, ranks, (root, count * unit));
            }
            (Collective::AllToAll, Algorithm::Direct) => {
                let result = self.result_counts.iter().copied().map(u64::from);
                cut(&mut self.result_offsets, result, unit);
                direct::all_to_all(schedule, ranks, (&self.offsets, &self.result_offsets));
            }
            (Collective::Barrier, Algorithm::Direct) => {}
            _ => panic!("{collective:?} has no algorithm {algorithm:?}"),
        }
    }

    /// Has sums follow the moves from and to `peer`, as it does on its side.
    pub fn check(&mut self, peer: u32) {
        self.checked[peer as usize] = true;
    }

    /// True once sums were not those of the bytes before them.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Bytes that this collective sends to `peer`, all moves and their trailers together.
    pub fn bytes_to(&self, peer: u32) -> u64 {
        let to_peer = self.schedule.sends.iter().filter(|send| send.peer == peer);
        let lengths = to_peer.map(|send| send.end - send.begin);
        lengths.map(|length| self.on_the_wire(peer, length)).sum()
    }

    /// Bytes that this collective receives from `peer`, all moves and their trailers together.
    pub fn bytes_from(&self, peer: u32) -> u64 {
        let receives = self.schedule.receives.iter();
        let from_peer = receives.filter(|receive| receive.peer == peer);
        let lengths = from_peer.map(|receive| receive.end - receive.begin);
        lengths.map(|length| self.on_the_wire(peer, length)).sum()
    }

    fn on_the_wire(&self, peer: u32, length: u64) -> u64 {
        let has_trailer = length > 0 && self.checked[peer as usize];
        length + if has_trailer { TRAILER as u64 } else { 0 }
    }

    /// The bytes that may go to `peer` now; `None` if the next ones are not there yet or none are left.
    pub fn next_send(&mut self, peer: u32) -> Option<Offer> {
        if let Some((index, done)) = self.outgoing[peer as usize].trailer {
            let begin = trailer_to(peer) + done;
            let end = trailer_to(peer) + TRAILER;
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
            receive.is_verified
                || receive.begin == receive.end
                || !self.checked[receive.peer as usize]
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
        let sums = &mut self.outgoing[peer as usize].sums;
        sums.add(&as_bytes(&self.operand)[..length]);
    }

    /// Ends a message to `peer`, whose bytes were noted by `sum_sent`; returns where in the trailers its sums lie.
    pub fn message_sent(&mut self, peer: u32) -> usize {
        let guard = std::mem::take(&mut self.outgoing[peer as usize]);
        self.put_trailer(trailer_to(peer), guard.sums)
    }

    /// Ends a message from `peer`, whose bytes were noted by `sum_received`; returns where in the trailers lies what must
    /// follow it.
    pub fn message_received(&mut self, peer: u32) -> usize {
        let guard = std::mem::take(&mut self.incoming[peer as usize]);
        self.put_trailer(trailer_from(peer), guard.sums)
    }

    fn put_trailer(&mut self, begin: usize, sums: Checksum) -> usize {
        self.trailers[begin / 8..(begin + TRAILER) / 8].copy_from_slice(&sums.finish());
        begin
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
        let guard = &mut self.outgoing[peer as usize];
        if let Some((_, done)) = &mut guard.trailer {
            *done += bytes as usize;
            if *done == TRAILER {
                *guard = Guard::default();
            }
            return;
        }
        let index = self.current_send(peer).expect("next_send found it");
        let send = &mut self.schedule.sends[index];
        send.done += bytes;
        if send.begin + send.done == send.end && self.checked[peer as usize] {
            let guard = &mut self.outgoing[peer as usize];
            guard.trailer = Some((index, 0));
            let sums = guard.sums;
            self.put_trailer(trailer_to(peer), sums);
        }
    }

    /// Where the next bytes from `peer` go; `None` once all have come.
    pub fn next_receive(&mut self, peer: u32) -> Option<Target> {
        if let Some((_, done)) = self.incoming[peer as usize].trailer {
            return Some(Target::Trailer {
                begin: trailer_from(peer) + done,
                end: trailer_from(peer) + TRAILER,
            });
        }
        let index = self.current_receive(peer)?;
        let receive = self.schedule.receives[index];
        let Action::Term(fold) = receive.action else {
            return Some(Target::Result {
                begin: receive.begin + receive.done,
                end: receive.end,
            });
        };
        let slot = self.slot(peer);
        let landed = self.landed[slot];
        let missing = receive.end - receive.begin - landed;
        let free = self.room - (landed - self.schedule.folds[fold].done);
        let place = self.place(landed);
        let space = missing.min(free).min(self.room - place);
        if space == 0 {
            return Some(Target::Full);
        }
        self.asked[slot] = true;
        let begin = (slot as u64 * self.room + place) as usize;
        Some(Target::Landing {
            begin,
            end: begin + space as usize,
        })
    }

    /// Takes note of payload from a checked `peer` in the result, that `received` will tell of next: the first bytes of
    /// the operand.
    pub fn sum_received(&mut self, peer: u32, length: usize) {
        let sums = &mut self.incoming[peer as usize].sums;
        sums.add(&as_bytes(&self.operand)[..length]);
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
        if let Target::Trailer { begin, .. } = target {
            return self.trailer_received(peer, begin - trailer_from(peer) + bytes as usize);
        }
        let index = self.current_receive(peer).expect("next_receive found it");
        let receive = &mut self.schedule.receives[index];
        let arrived = match receive.action {
            Action::Copy => {
                receive.done += bytes;
                receive.done
            }
            Action::Term(fold) => {
                let slot = self.slot(peer);
                self.folding = fold;
                self.asked[slot] = false;
                self.landed[slot] += bytes;
                self.landed[slot]
            }
        };
        if !self.checked[peer as usize] {
            return;
        }
        let guard = &mut self.incoming[peer as usize];
        if let Target::Landing { begin, .. } = target {
            guard
                .sums
                .add(&as_bytes(&self.landing)[begin..begin + bytes as usize]);
        }
        let Receive { begin, end, .. } = self.schedule.receives[index];
        if begin + arrived == end {
            guard.trailer = Some((index, 0));
        }
    }

    fn trailer_received(&mut self, peer: u32, done: usize) {
        let guard = &mut self.incoming[peer as usize];
        let (index, so_far) = guard.trailer.as_mut().expect("a trailer is awaited");
        *so_far = done;
        if done < TRAILER {
            return;
        }
        let words = trailer_from(peer) / 8;
        let is_right = self.trailers[words..words + TRAILER / 8] == guard.sums.finish();
        self.schedule.receives[*index].is_verified = is_right;
        self.is_damaged |= !is_right;
        *guard = Guard::default();
    }

    /// What can be folded now: all its terms are here, and what it overwrites has been sent. It is not little, unless
    /// nothing more will come or a ring is full.
    pub fn next_fold(&self) -> Option<Segment> {
        let fold = self.schedule.folds.get(self.folding)?;
        let missing = fold.end - fold.begin - fold.done;
        if missing == 0 {
            return None;
        }
        let landed = self.landed_of(fold).map(|landed| landed - fold.done);
        let whole = landed.clone().min().unwrap_or(0);
        let is_full = landed.clone().max() == Some(self.room);
        let bytes = whole
            .min(self.segment)
            .min(self.room - self.place(fold.done));
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
        let room = (self.room / 8) as usize;
        let place = (self.place(fold.done) / 8) as usize;
        let words = bytes.div_ceil(8) as usize;
        let (size, rank) = (self.size as usize, self.rank as usize);
        let (landing, operand) = (&self.landing, &self.operand);
        let from = |peer: usize| -> &[u64] {
            match (peer + size - rank - 1) % size {
                slot if slot == size - 1 => operand,
                slot => &landing[slot * room + place..][..words],
            }
        };
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
        let Fold {
            begin, end, done, ..
        } = self.schedule.folds[self.folding];
        if begin + done == end {
            self.landed.fill(0);
            self.base = 0;
        } else if !self.asked.contains(&true) && self.landed_of(&fold).all(|each| each == done) {
            // All rings are empty, and no read is under way to where they went on.
            self.base = done;
        }
    }

    /// How much of a fold's terms has come from each peer that has one.
    fn landed_of(&self, fold: &Fold) -> impl Iterator<Item = u64> + Clone {
        let slots = match fold.terms {
            Terms::AllRanks => 0..self.landed.len(),
            Terms::Peer(peer) => self.slot(peer)..self.slot(peer) + 1,
        };
        self.landed[slots].iter().copied()
    }

    /// Where in the rings this byte of the terms lies.
    fn place(&self, byte: u64) -> u64 {
        (byte - self.base) % self.room
    }

    /// The trailers of all peers, in words of 8 bytes.
    pub fn trailers(&mut self) -> &mut [u64] {
        &mut self.trailers
    }

    /// The landing zone, in words of 8 bytes.
    pub fn landing(&mut self) -> &mut [u64] {
        &mut self.landing
    }

    /// Where the driver puts its own term.
    pub fn operand(&mut self) -> &mut [u64] {
        &mut self.operand
    }

    /// What `fold` has made.
    pub fn folded(&mut self) -> &mut [u64] {
        &mut self.folded
    }

    fn slot(&self, peer: u32) -> usize {
        ((peer + self.size - self.rank - 1) % self.size) as usize
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

/// Sets the parts' offsets in bytes from their lengths in elements of `unit` bytes.
fn cut(offsets: &mut [u64], lengths: impl Iterator<Item = u64>, unit: u64) {
    for (part, length) in lengths.enumerate() {
        offsets[part + 1] = offsets[part] + length * unit;
    }
}

fn trailer_to(peer: u32) -> usize {
    2 * peer as usize * TRAILER
}

fn trailer_from(peer: u32) -> usize {
    trailer_to(peer) + TRAILER
}

fn as_bytes(words: &[u64]) -> &[u8] {
    // SAFETY: every bit pattern is a valid u8, and the lengths in bytes agree.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// Of the cache, in bytes.
const LINE: usize = 64;
/// What share of a segment is worth a fold.
const SHARE: u64 = 4;
/// Bytes of a trailer.
const TRAILER: usize = checksum::BYTES;
