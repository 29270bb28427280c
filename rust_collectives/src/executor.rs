//! Runs one schedule after the other: which bytes may leave now, where arriving bytes go, when a segment is folded.
//!
//! Values and result stay with the driver. What arrives to be copied is read straight into the result. The terms of a
//! fold land here first, a segment of each peer at a time; once all of a segment's terms are whole, the driver copies
//! its own to `operand`, calls `fold`, and copies `folded` to the result: all of it stays in the cache.
//!
//! Everything is allocated by `new`; a collective of any length then runs without allocation.

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

/// Where the bytes of the next receive go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into the result, at `begin..end`.
    Result { begin: u64, end: u64 },
    /// Into the landing zone, at `begin..end`.
    Landing { begin: usize, end: usize },
    /// Nowhere until the next fold has made room.
    Full,
}

/// A segment whose terms are all here: `own..own + bytes` of the values goes to `operand`, `folded` to `begin` of the
/// result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub own: u64,
    pub begin: u64,
    pub bytes: u64,
}

pub struct Executor {
    rank: u32,
    size: u32,
    segment: u64,
    kind: Kind,
    counts: Vec<u32>,
    result_counts: Vec<u32>,
    offsets: Vec<u64>,
    result_offsets: Vec<u64>,
    schedule: Schedule,
    /// Per peer, the first send and the first receive that may be unfinished.
    current: Vec<(usize, usize)>,
    /// One segment for each peer, from the next rank on.
    landing: Vec<u64>,
    /// Bytes in each of them.
    landed: Vec<u64>,
    /// Segments that are whole, and the fold that they are terms of.
    whole: u32,
    folding: usize,
    operand: Vec<u64>,
    folded: Vec<u64>,
    /// Where a fold keeps its partial sums.
    scratch: Vec<u64>,
}

impl Executor {
    /// For rank `rank` of `size`; folds are made `segment` bytes at a time, a multiple of 8.
    pub fn new(rank: u32, size: u32, segment: usize) -> Self {
        assert!(rank < size && segment > 0 && segment.is_multiple_of(8));
        let (ranks, words) = (size as usize, segment / 8);
        Self {
            rank,
            size,
            segment: segment as u64,
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
            landing: vec![0; (ranks - 1) * words],
            landed: vec![0; ranks],
            whole: 0,
            folding: 0,
            operand: vec![0; words],
            folded: vec![0; words],
            scratch: vec![0; reduce::scratch_words(ranks)],
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
        self.landed.fill(0);
        self.whole = 0;
        self.folding = 0;
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

    /// Bytes that this collective sends to `peer`, all moves together.
    pub fn bytes_to(&self, peer: u32) -> u64 {
        let to_peer = self.schedule.sends.iter().filter(|send| send.peer == peer);
        to_peer.map(|send| send.end - send.begin).sum()
    }

    /// Bytes that this collective receives from `peer`, all moves together.
    pub fn bytes_from(&self, peer: u32) -> u64 {
        let receives = self.schedule.receives.iter();
        let from_peer = receives.filter(|receive| receive.peer == peer);
        from_peer.map(|receive| receive.end - receive.begin).sum()
    }

    /// The bytes that may go to `peer` now, and what they are part of; `None` if the next ones are not there yet or none
    /// are left.
    pub fn next_send(&mut self, peer: u32) -> Option<(Source, u64, u64)> {
        let index = self.current_send(peer)?;
        let send = self.schedule.sends[index];
        let ready = match send.source {
            Source::Own => send.end,
            Source::Receive(index) => send.begin + self.schedule.receives[index].done,
            Source::Fold(index) => send.begin + self.schedule.folds[index].done,
        };
        let begin = send.begin + send.done;
        (begin < ready).then_some((send.source, begin, ready))
    }

    /// `bytes` of what `next_send` offered have been written.
    pub fn sent(&mut self, peer: u32, bytes: u64) {
        let (_, begin, end) = self
            .next_send(peer)
            .expect("bytes were sent that were not offered");
        assert!(bytes <= end - begin, "more bytes were sent than offered");
        let index = self.current_send(peer).expect("next_send found it");
        self.schedule.sends[index].done += bytes;
    }

    /// Where the next bytes from `peer` go; `None` once all have come.
    pub fn next_receive(&mut self, peer: u32) -> Option<Target> {
        let index = self.current_receive(peer)?;
        let receive = self.schedule.receives[index];
        let Action::Term(fold) = receive.action else {
            return Some(Target::Result {
                begin: receive.begin + receive.done,
                end: receive.end,
            });
        };
        let slot = self.slot(peer);
        let begin = slot as u64 * self.segment;
        let (landed, whole) = (self.landed[slot], self.segment_bytes(fold));
        Some(if landed == whole {
            Target::Full
        } else {
            Target::Landing {
                begin: (begin + landed) as usize,
                end: (begin + whole) as usize,
            }
        })
    }

    /// `bytes` have been read to where `next_receive` said.
    pub fn received(&mut self, peer: u32, bytes: u64) {
        let target = self
            .next_receive(peer)
            .expect("bytes were received that were not asked for");
        let space = match target {
            Target::Result { begin, end } => end - begin,
            Target::Landing { begin, end } => (end - begin) as u64,
            Target::Full => 0,
        };
        assert!(bytes <= space, "more bytes were received than asked for");
        let index = self.current_receive(peer).expect("next_receive found it");
        match self.schedule.receives[index].action {
            Action::Copy => self.schedule.receives[index].done += bytes,
            Action::Term(fold) => {
                let slot = self.slot(peer);
                self.landed[slot] += bytes;
                self.whole += u32::from(bytes == space);
                self.folding = fold;
            }
        }
    }

    /// The segment that can be folded now: all its terms are here, and what it overwrites has been sent.
    pub fn next_fold(&self) -> Option<Segment> {
        let fold = self.schedule.folds.get(self.folding)?;
        if self.whole < self.terms_of_peers(fold) {
            return None;
        }
        let bytes = self.segment_bytes(self.folding);
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
        let words = (self.segment / 8) as usize;
        let (size, rank) = (self.size as usize, self.rank as usize);
        let (landing, operand) = (&self.landing, &self.operand);
        let from = |peer: usize| -> &[u64] {
            match (peer + size - rank - 1) % size {
                slot if slot == size - 1 => operand,
                slot => &landing[slot * words..(slot + 1) * words],
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
        self.landed.fill(0);
        self.whole = 0;
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

    fn terms_of_peers(&self, fold: &Fold) -> u32 {
        match fold.terms {
            Terms::AllRanks => self.size - 1,
            Terms::Peer(_) => 1,
        }
    }

    fn segment_bytes(&self, fold: usize) -> u64 {
        let Fold {
            begin, end, done, ..
        } = self.schedule.folds[fold];
        self.segment.min(end - begin - done)
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
