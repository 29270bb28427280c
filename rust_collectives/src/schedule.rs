//! The schedule of one collective on one rank: its moves, in bytes of the values (input) and of the result (output).
//!
//! ```text
//! Send    { peer, begin..end of the values (Own) or of the result (written by a receive or a fold) }
//! Receive { peer, begin..end of the result (Copy), or a term of a fold }
//! Fold    { begin..end of the result = the terms of one peer or of all, reduced with the values from `own` on }
//! ```
//!
//! Moves to (or from) one peer run in the order of the list. A send that forwards the output of a receive or a fold
//! covers the same bytes, and may send those that are finished. This rule alone pipelines every algorithm: no step waits
//! for the whole of the step before it. Values and result may be the same memory: a fold waits until the values that it
//! overwrites have been sent.

/// The source of a send's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The values of this rank.
    Own,
    /// The part of the result that this receive has filled so far.
    Receive(usize),
    /// The part of the result that this fold has computed so far.
    Fold(usize),
}

/// The use of received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are part of the result.
    Copy,
    /// They are a term of this fold.
    Term(usize),
}

/// The terms that a fold combines, and their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Those of ranks 0, 1, ..., p-1, as a tree; this rank's own values are one of them.
    AllRanks,
    /// First those received from this peer, then this rank's own values.
    Peer(u32),
}

/// Bytes `begin..end` go to `peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    pub peer: u32,
    pub begin: u64,
    pub end: u64,
    pub source: Source,
    /// Bytes sent so far.
    pub done: u64,
}

/// Bytes come from `peer`, for `begin..end` of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receive {
    pub peer: u32,
    pub begin: u64,
    pub end: u64,
    pub action: Action,
    /// True once its checksums have been received and match.
    pub is_verified: bool,
    /// Bytes in place, or folded, so far.
    pub done: u64,
}

/// Reduces terms to `begin..end` of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    pub terms: Terms,
    /// The first element of this rank's own term in the values.
    pub own: u64,
    pub begin: u64,
    pub end: u64,
    /// True if it adds the last terms, so that a mean is divided after it.
    pub last: bool,
    /// Bytes folded so far.
    pub done: u64,
}

/// All moves of one collective on one rank.
#[derive(Debug, Default)]
pub struct Schedule {
    pub sends: Vec<Send>,
    pub receives: Vec<Receive>,
    pub folds: Vec<Fold>,
}

impl Schedule {
    /// With capacity for `moves` of each kind, so that filling the schedule does not allocate.
    pub fn with_capacity(moves: usize) -> Self {
        Self {
            sends: Vec::with_capacity(moves),
            receives: Vec::with_capacity(moves),
            folds: Vec::with_capacity(moves),
        }
    }

    pub fn clear(&mut self) {
        self.sends.clear();
        self.receives.clear();
        self.folds.clear();
    }

    /// Sends `begin..end` of the values.
    pub fn send(&mut self, peer: u32, (begin, end): (u64, u64)) {
        self.push_send(peer, (begin, end), Source::Own);
    }

    /// Sends the bytes of the receive that was added last.
    pub fn pass_on_received(&mut self, peer: u32) {
        let index = self.receives.len() - 1;
        let Receive { begin, end, .. } = self.receives[index];
        self.push_send(peer, (begin, end), Source::Receive(index));
    }

    /// Sends the output of the fold that was added last.
    pub fn pass_on_folded(&mut self, peer: u32) {
        let index = self.folds.len() - 1;
        let Fold { begin, end, .. } = self.folds[index];
        self.push_send(peer, (begin, end), Source::Fold(index));
    }

    /// Receives `begin..end` of the result.
    pub fn receive(&mut self, peer: u32, (begin, end): (u64, u64)) {
        self.receives.push(Receive {
            peer,
            begin,
            end,
            action: Action::Copy,
            is_verified: false,
            done: 0,
        });
    }

    /// Adds a fold; its terms are received by `receive_term`.
    pub fn fold(&mut self, terms: Terms, own: u64, (begin, end): (u64, u64)) {
        self.folds.push(Fold {
            terms,
            own,
            begin,
            end,
            last: terms == Terms::AllRanks,
            done: 0,
        });
    }

    /// Receives `peer`'s term of the fold that was added last.
    pub fn receive_term(&mut self, peer: u32) {
        let index = self.folds.len() - 1;
        let Fold { begin, end, .. } = self.folds[index];
        self.receives.push(Receive {
            peer,
            begin,
            end,
            action: Action::Term(index),
            is_verified: false,
            done: 0,
        });
    }

    fn push_send(&mut self, peer: u32, (begin, end): (u64, u64), source: Source) {
        self.sends.push(Send {
            peer,
            begin,
            end,
            source,
            done: 0,
        });
    }
}
