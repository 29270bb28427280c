//! What JavaScript sees: the executor with plain numbers. Byte positions are f64, exact up to 2^53.

use crate::collective::{Algorithm, Collective};
use crate::element::{Dtype, Reduction};
use crate::executor::{Executor, Offer, Target};
use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the heap at least `bytes` large, so that later allocations up to that sum do not grow the memory. Growing it
/// would detach the views that pending reads write to.
#[wasm_bindgen]
pub fn reserve(bytes: usize) {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(bytes)));
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

    /// Starts collective number `op` (frame.ts counts them); counts per rank must have been set before.
    pub fn begin_collective(
        &mut self,
        op: u8,
        algorithm: u8,
        dtype: u8,
        reduction: u8,
        root: u32,
        count: f64,
    ) {
        let count = count as u64;
        let collective = match op {
            0 => Collective::AllReduce { count },
            1 => Collective::ReduceScatter,
            2 => Collective::AllGather,
            3 => Collective::Broadcast { root, count },
            4 => Collective::Barrier,
            5 => Collective::Reduce { root, count },
            6 => Collective::AllToAll,
            _ => panic!("no collective has the number {op}"),
        };
        self.executor.begin(
            collective,
            Algorithm::ALL[algorithm as usize],
            (
                Dtype::ALL[dtype as usize],
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

    /// 0: nothing for `peer` now; else what is at `begin..end` of 1: the values; 2: the result; 3: the trailers.
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

    /// 0: all has come from `peer`; 1: the next bytes go to `begin..end` of the landing zone; 2: of the result; 3: to
    /// nowhere before the next fold; 4: to `begin..end` of the trailers.
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

    /// True if a segment can be folded: copy the values from `own` on to the operand, `fold`, and copy what is folded to
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

    /// Has sums follow the moves from and to `peer`.
    pub fn check(&mut self, peer: u32) {
        self.executor.check(peer);
    }

    pub fn is_damaged(&self) -> bool {
        self.executor.is_damaged()
    }

    /// Adds the first `length` bytes of the operand to the sums of what goes to `peer`.
    pub fn sum_sent(&mut self, peer: u32, length: usize) {
        self.executor.sum_sent(peer, length);
    }

    /// Adds the first `length` bytes of the operand to the sums of what comes from `peer`.
    pub fn sum_received(&mut self, peer: u32, length: usize) {
        self.executor.sum_received(peer, length);
    }

    /// Ends a message to `peer`; returns where in the trailers its sums lie.
    pub fn message_sent(&mut self, peer: u32) -> usize {
        self.executor.message_sent(peer)
    }

    /// Ends a message from `peer`; returns where in the trailers lies what must follow it.
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

    /// Address of what is folded, one segment.
    pub fn folded_address(&mut self) -> usize {
        self.executor.folded().as_ptr() as usize
    }
}
