//! The interface for JavaScript: the executor and the table of algorithms in plain numbers. Byte positions are f64, exact
//! up to 2^53.

use crate::algorithm::ALGORITHMS;
use crate::collective::{Collective, Op};
use crate::element::{ElementType, Reduction};
use crate::executor::{Executor, Offer, Target};
use wasm_bindgen::prelude::wasm_bindgen;

/// Grows the heap to at least `bytes`, so that later allocations up to that sum do not grow the memory. Growing it later
/// would detach the views that pending reads write to.
#[wasm_bindgen]
pub fn reserve(bytes: usize) {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(bytes)));
}

/// The name of algorithm `number`; `None` from the number of algorithms on.
#[wasm_bindgen]
pub fn algorithm_name(number: usize) -> Option<String> {
    ALGORITHMS.get(number).map(|each| each.name.to_owned())
}

/// True if algorithm `number` can run the collective number `op`.
#[wasm_bindgen]
pub fn algorithm_runs(number: usize, op: usize) -> bool {
    let op = Op::ALL.get(op);
    op.is_some_and(|&op| ALGORITHMS[number].moves_of(op).is_some())
}

/// True if rank `from` of `size` sends a frame to `to` in algorithm `number`.
#[wasm_bindgen]
pub fn algorithm_sends(number: usize, from: u32, to: u32, size: u32) -> bool {
    (ALGORITHMS[number].sends)(from, to, size)
}

/// True if partial sums travel from rank to rank in algorithm `number` (algorithm.rs).
#[wasm_bindgen]
pub fn algorithm_passes_partial_sums(number: usize) -> bool {
    ALGORITHMS[number].passes_partial_sums
}

/// One rank's state machine, used for one collective after the other.
#[wasm_bindgen]
pub struct Engine {
    executor: Executor,
    begin: f64,
    end: f64,
    own: f64,
}

#[wasm_bindgen]
impl Engine {
    #[wasm_bindgen(constructor)]
    pub fn new(rank: u32, size: u32, room: usize, segment: usize) -> Engine {
        Engine {
            executor: Executor::new(rank, size, (room, segment)),
            begin: 0.0,
            end: 0.0,
            own: 0.0,
        }
    }

    /// Starts a collective; op, dtype and reduction are numbered as on the wire (call_kind.ts). Counts per rank must have
    /// been set before.
    pub fn begin_collective(
        &mut self,
        op: u8,
        algorithm: u8,
        dtype: u8,
        reduction: u8,
        root: u32,
        count: f64,
    ) {
        let collective = Collective {
            op: Op::ALL[op as usize],
            root,
            count: count as u64,
        };
        self.executor.begin(
            collective,
            ALGORITHMS[algorithm as usize],
            (
                ElementType::ALL[dtype as usize],
                Reduction::ALL[reduction as usize],
            ),
        );
    }

    pub fn bytes_to(&self, peer: u32) -> f64 {
        self.executor.bytes_to(peer) as f64
    }

    pub fn bytes_from(&self, peer: u32) -> f64 {
        self.executor.bytes_from(peer) as f64
    }

    /// 0: nothing can be sent to `peer` now; else send `begin..end` of 1: the values; 2: the result; 3: the trailers.
    pub fn next_send(&mut self, peer: u32) -> u8 {
        let (place, begin, end) = match self.executor.next_send(peer) {
            None => return 0,
            Some(Offer::Own { begin, end }) => (1, begin, end),
            Some(Offer::Result { begin, end }) => (2, begin, end),
            Some(Offer::Trailer { begin, end }) => (3, begin as u64, end as u64),
        };
        (self.begin, self.end) = (begin as f64, end as f64);
        place
    }

    pub fn sent(&mut self, peer: u32, bytes: f64) {
        self.executor.sent(peer, bytes as u64);
    }

    /// 0: all bytes from `peer` have been received; else read the next ones to `begin..end` of 1: the landing zone; 2: the
    /// result; 4: the trailers; 3: there is no room for them before the next fold.
    pub fn next_receive(&mut self, peer: u32) -> u8 {
        match self.executor.next_receive(peer) {
            None => 0,
            Some(Target::Landing { begin, end }) => {
                (self.begin, self.end) = (begin as f64, end as f64);
                1
            }
            Some(Target::Result { begin, end }) => {
                (self.begin, self.end) = (begin as f64, end as f64);
                2
            }
            Some(Target::Trailer { begin, end }) => {
                (self.begin, self.end) = (begin as f64, end as f64);
                4
            }
            Some(Target::Full) => 3,
        }
    }

    pub fn received(&mut self, peer: u32, bytes: f64) {
        self.executor.received(peer, bytes as u64);
    }

    /// True if a segment can be folded: copy the values from `own` on to the operand, call `fold`, and copy its output to
    /// `begin..end` of the result.
    pub fn next_fold(&mut self) -> bool {
        let Some(segment) = self.executor.next_fold() else {
            return false;
        };
        self.own = segment.own as f64;
        self.begin = segment.begin as f64;
        self.end = (segment.begin + segment.bytes) as f64;
        true
    }

    pub fn fold(&mut self) {
        self.executor.fold();
    }

    #[wasm_bindgen(getter)]
    pub fn begin(&self) -> f64 {
        self.begin
    }

    #[wasm_bindgen(getter)]
    pub fn end(&self) -> f64 {
        self.end
    }

    #[wasm_bindgen(getter)]
    pub fn own(&self) -> f64 {
        self.own
    }

    /// Address of the elements per rank, `size` u32.
    pub fn counts_address(&mut self) -> usize {
        self.executor.counts().as_ptr() as usize
    }

    /// Address of the elements of an all-to-all's result per rank, `size` u32.
    pub fn result_counts_address(&mut self) -> usize {
        self.executor.result_counts().as_ptr() as usize
    }

    /// Sends and expects checksums after the moves to and from `peer`.
    pub fn check(&mut self, peer: u32) {
        self.executor.check(peer);
    }

    /// As `check`, with keyed sums: 32 bytes for what is sent, then 32 for what is received.
    pub fn authenticate(&mut self, peer: u32, keys: &[u8]) {
        let ([to, from], []) = keys.as_chunks() else {
            panic!("two keys of 32 bytes are needed");
        };
        self.executor.authenticate(peer, (to, from));
    }

    /// Bytes of the sum after each move to and from `peer`, 0 if there is none.
    pub fn trailer_bytes(&self, peer: u32) -> usize {
        self.executor.trailer_bytes(peer)
    }

    pub fn is_damaged(&self) -> bool {
        self.executor.is_damaged()
    }

    /// Adds the first `length` bytes of the operand to the checksum of what is sent to `peer`.
    pub fn sum_sent(&mut self, peer: u32, length: usize) {
        self.executor.sum_sent(peer, length);
    }

    /// Adds the first `length` bytes of the operand to the checksum of what is received from `peer`.
    pub fn sum_received(&mut self, peer: u32, length: usize) {
        self.executor.sum_received(peer, length);
    }

    /// Ends a message to `peer`; returns the offset of its checksum in the trailers.
    pub fn message_sent(&mut self, peer: u32) -> usize {
        self.executor.message_sent(peer)
    }

    /// Ends a message from `peer`; returns the offset of the expected checksum in the trailers.
    pub fn message_received(&mut self, peer: u32) -> usize {
        self.executor.message_received(peer)
    }

    /// Address of the trailers.
    pub fn trailers_address(&mut self) -> usize {
        self.executor.trailers().as_ptr() as usize
    }

    /// Address of the landing zone, `size - 1` rings.
    pub fn landing_address(&mut self) -> usize {
        self.executor.landing().as_ptr() as usize
    }

    /// Address of the operand, one segment.
    pub fn operand_address(&mut self) -> usize {
        self.executor.operand().as_ptr() as usize
    }

    /// Address of the output of a fold, one segment.
    pub fn folded_address(&mut self) -> usize {
        self.executor.folded().as_ptr() as usize
    }
}
