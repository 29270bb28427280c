//! Runs one schedule after the other: which bytes may leave now, where arriving bytes go, when a segment is added.
//!
//! The values themselves stay with the driver. What arrives to be copied is read straight into them. What arrives to be
//! added lands here first, one segment at a time; once a segment is whole the driver copies the same part of the values
//! to `operand`, calls `add`, and copies it back: both copies stay in the cache.
//!
//! Everything is allocated by `new`; a collective of any length then runs without allocation.

use crate::reduce;
use crate::schedule::{Action, Schedule};
use crate::{chain, ring};

const BYTES_PER_ELEMENT: u64 = 4;

/// A collective and what each rank brings to it, in elements.
#[derive(Clone, Copy, Debug)]
pub enum Collective<'a> {
    AllReduce {
        count: u64,
    },
    /// Rank r keeps the sum of the r-th part, `counts[r]` long.
    ReduceScatter {
        counts: &'a [u32],
    },
    /// Rank r brings the r-th part, `counts[r]` long.
    AllGather {
        counts: &'a [u32],
    },
    Broadcast {
        root: u32,
        count: u64,
    },
    /// Works on one byte per rank: a rank that has all of them knows that all have come.
    Barrier,
}

/// Where the bytes of the next receive go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into the values, at `begin..end`.
    Values { begin: u64, end: u64 },
    /// Into the landing zone, at `begin..end`.
    Landing { begin: usize, end: usize },
}

pub struct Executor {
    rank: u32,
    size: u32,
    offsets: Vec<u64>,
    schedule: Schedule,
    landing: Vec<f32>,
    operand: Vec<f32>,
    landed: usize,
}

impl Executor {
    /// For rank `rank` of `size`; sums are made `segment` elements at a time.
    pub fn new(rank: u32, size: u32, segment: usize) -> Self {
        assert!(rank < size && segment > 0);
        Self {
            rank,
            size,
            offsets: vec![0; size as usize + 1],
            schedule: Schedule::with_capacity(2 * size as usize),
            landing: vec![0.0; segment],
            operand: vec![0.0; segment],
            landed: 0,
        }
    }

    /// Starts a collective; the one before must be finished or given up.
    pub fn begin(&mut self, collective: Collective) {
        self.schedule.clear();
        self.landed = 0;
        match collective {
            Collective::AllReduce { count } => {
                let size = u64::from(self.size);
                self.cut(
                    |chunk| count / size + u64::from(chunk < count % size),
                    BYTES_PER_ELEMENT,
                );
                ring::all_reduce(&mut self.schedule, self.rank, &self.offsets);
            }
            Collective::ReduceScatter { counts } => {
                self.cut(|chunk| u64::from(counts[chunk as usize]), BYTES_PER_ELEMENT);
                ring::reduce_scatter(&mut self.schedule, self.rank, &self.offsets);
            }
            Collective::AllGather { counts } => {
                self.cut(|chunk| u64::from(counts[chunk as usize]), BYTES_PER_ELEMENT);
                ring::all_gather(&mut self.schedule, self.rank, &self.offsets);
            }
            Collective::Broadcast { root, count } => {
                assert!(root < self.size);
                let bytes = count * BYTES_PER_ELEMENT;
                chain::broadcast(&mut self.schedule, self.rank, self.size, root, bytes);
            }
            Collective::Barrier => {
                self.cut(|_| 1, 1);
                ring::all_gather(&mut self.schedule, self.rank, &self.offsets);
            }
        }
    }

    /// Bytes that this collective sends to `peer`, all moves together.
    pub fn bytes_to(&self, peer: u32) -> u64 {
        self.schedule
            .sends
            .iter()
            .filter(|send| send.peer == peer)
            .map(|send| send.end - send.begin)
            .sum()
    }

    /// Bytes that this collective receives from `peer`, all moves together.
    pub fn bytes_from(&self, peer: u32) -> u64 {
        let from_peer = self
            .schedule
            .receives
            .iter()
            .filter(|receive| receive.peer == peer);
        from_peer.map(|receive| receive.end - receive.begin).sum()
    }

    /// The bytes of the values that may go to `peer` now; `None` if the next ones have not arrived yet or none are left.
    pub fn next_send(&self, peer: u32) -> Option<(u64, u64)> {
        let send = &self.schedule.sends[self.current_send(peer)?];
        let ready = send.source.map_or(send.end, |index| {
            send.begin + self.schedule.receives[index].done
        });
        let begin = send.begin + send.done;
        (begin < ready).then_some((begin, ready))
    }

    /// `bytes` of what `next_send` offered have been written.
    pub fn sent(&mut self, peer: u32, bytes: u64) {
        let (begin, end) = self
            .next_send(peer)
            .expect("bytes were sent that were not offered");
        assert!(bytes <= end - begin, "more bytes were sent than offered");
        let index = self.current_send(peer).expect("next_send found it");
        self.schedule.sends[index].done += bytes;
    }

    /// Where the next bytes from `peer` go; `None` once all have come.
    pub fn next_receive(&self, peer: u32) -> Option<Target> {
        let receive = &self.schedule.receives[self.current_receive(peer)?];
        let begin = receive.begin + receive.done;
        Some(match receive.action {
            Action::Copy => Target::Values {
                begin,
                end: receive.end,
            },
            Action::Add => {
                let segment =
                    (self.landing.len() as u64 * BYTES_PER_ELEMENT).min(receive.end - begin);
                Target::Landing {
                    begin: self.landed,
                    end: segment as usize,
                }
            }
        })
    }

    /// `bytes` have been read to where `next_receive` said. If that filled a segment to be added, returns the bytes of
    /// the values that it belongs to: the driver copies them to `operand`, calls `add` and copies them back.
    pub fn received(&mut self, peer: u32, bytes: u64) -> Option<(u64, u64)> {
        let target = self
            .next_receive(peer)
            .expect("bytes were received that were not asked for");
        let index = self.current_receive(peer).expect("next_receive found it");
        let receive = &mut self.schedule.receives[index];
        match target {
            Target::Values { begin, end } => {
                assert!(
                    bytes <= end - begin,
                    "more bytes were received than asked for"
                );
                receive.done += bytes;
                None
            }
            Target::Landing { begin, end } => {
                assert!(
                    bytes <= (end - begin) as u64,
                    "more bytes were received than asked for"
                );
                self.landed += bytes as usize;
                let place = receive.begin + receive.done;
                (self.landed == end).then_some((place, place + end as u64))
            }
        }
    }

    /// Adds the segment that landed from `peer` to `operand`, and lets it be sent on.
    pub fn add(&mut self, peer: u32) {
        let elements = self.landed / BYTES_PER_ELEMENT as usize;
        reduce::add(&mut self.operand[..elements], &self.landing[..elements]);
        let index = self.current_receive(peer).expect("a segment has landed");
        self.schedule.receives[index].done += self.landed as u64;
        self.landed = 0;
    }

    pub fn landing(&mut self) -> &mut [f32] {
        &mut self.landing
    }

    pub fn operand(&mut self) -> &mut [f32] {
        &mut self.operand
    }

    /// Sets the chunks' offsets from their lengths.
    fn cut(&mut self, length: impl Fn(u64) -> u64, unit: u64) {
        for chunk in 0..self.size as usize {
            self.offsets[chunk + 1] = self.offsets[chunk] + length(chunk as u64) * unit;
        }
    }

    fn current_send(&self, peer: u32) -> Option<usize> {
        self.schedule
            .sends
            .iter()
            .position(|send| send.peer == peer && send.begin + send.done < send.end)
    }

    fn current_receive(&self, peer: u32) -> Option<usize> {
        let unfinished =
            |receive: &crate::schedule::Receive| receive.begin + receive.done < receive.end;
        self.schedule
            .receives
            .iter()
            .position(|receive| receive.peer == peer && unfinished(receive))
    }
}
