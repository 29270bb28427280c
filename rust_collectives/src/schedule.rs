//! The moves of one collective on one rank, in bytes of the values it works on.
//!
//! Moves to (or from) one peer run in the order of the list. A send may pass on what a receive brought: then `source`
//! names that receive, both cover the same bytes, and the send follows at most as far as the receive has come. That one
//! rule pipelines every algorithm: no step waits for the whole of the step before it.

/// What happens to bytes that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They replace what lies at their place.
    Copy,
    /// They are added to what lies at their place.
    Add,
}

/// Bytes `begin..end` go to `peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    pub peer: u32,
    pub begin: u64,
    pub end: u64,
    /// Index of the receive whose bytes these are; `None` if they are this rank's own from the start.
    pub source: Option<usize>,
    /// Bytes sent so far.
    pub done: u64,
}

/// Bytes `begin..end` come from `peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receive {
    pub peer: u32,
    pub begin: u64,
    pub end: u64,
    pub action: Action,
    /// Bytes in place (and added) so far.
    pub done: u64,
}

/// All moves of one collective on one rank.
#[derive(Debug, Default)]
pub struct Schedule {
    pub sends: Vec<Send>,
    pub receives: Vec<Receive>,
}

impl Schedule {
    /// Room for `moves` sends and as many receives, so that filling the schedule allocates nothing.
    pub fn with_capacity(moves: usize) -> Self {
        Self {
            sends: Vec::with_capacity(moves),
            receives: Vec::with_capacity(moves),
        }
    }

    pub fn clear(&mut self) {
        self.sends.clear();
        self.receives.clear();
    }

    /// Appends a send of `begin..end`, passing on the receive appended last if there is one.
    pub fn send(&mut self, peer: u32, (begin, end): (u64, u64)) {
        let source = self.receives.len().checked_sub(1);
        if let Some(index) = source {
            let receive = &self.receives[index];
            assert_eq!(
                (receive.begin, receive.end),
                (begin, end),
                "a send passes on what was received last"
            );
        }
        self.sends.push(Send {
            peer,
            begin,
            end,
            source,
            done: 0,
        });
    }

    /// Appends a receive of `begin..end`.
    pub fn receive(&mut self, peer: u32, (begin, end): (u64, u64), action: Action) {
        self.receives.push(Receive {
            peer,
            begin,
            end,
            action,
            done: 0,
        });
    }
}
