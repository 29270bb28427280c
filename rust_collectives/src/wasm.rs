//! What JavaScript sees: the executor with plain numbers. Byte positions are f64, exact up to 2^53.

use crate::executor::{Collective, Executor, Target};
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
    landing: bool,
}

#[wasm_bindgen]
impl Engine {
    #[wasm_bindgen(constructor)]
    pub fn new(rank: u32, size: u32, segment: usize) -> Engine {
        Engine {
            executor: Executor::new(rank, size, segment),
            begin: 0.0,
            end: 0.0,
            landing: false,
        }
    }

    pub fn begin_all_reduce(&mut self, count: f64) {
        self.executor.begin(Collective::AllReduce {
            count: count as u64,
        });
    }

    pub fn begin_reduce_scatter(&mut self, counts: &[u32]) {
        self.executor.begin(Collective::ReduceScatter { counts });
    }

    pub fn begin_all_gather(&mut self, counts: &[u32]) {
        self.executor.begin(Collective::AllGather { counts });
    }

    pub fn begin_broadcast(&mut self, root: u32, count: f64) {
        self.executor.begin(Collective::Broadcast {
            root,
            count: count as u64,
        });
    }

    pub fn begin_barrier(&mut self) {
        self.executor.begin(Collective::Barrier);
    }

    pub fn bytes_to(&self, peer: u32) -> f64 {
        self.executor.bytes_to(peer) as f64
    }

    pub fn bytes_from(&self, peer: u32) -> f64 {
        self.executor.bytes_from(peer) as f64
    }

    /// True if there are bytes for `peer` now: the values at `begin..end`.
    pub fn next_send(&mut self, peer: u32) -> bool {
        let next = self.executor.next_send(peer);
        if let Some((begin, end)) = next {
            self.set(begin, end, false);
        }
        next.is_some()
    }

    pub fn sent(&mut self, peer: u32, bytes: f64) {
        self.executor.sent(peer, bytes as u64);
    }

    /// True if bytes are still to come from `peer`: to `begin..end` of the landing zone or of the values.
    pub fn next_receive(&mut self, peer: u32) -> bool {
        match self.executor.next_receive(peer) {
            None => return false,
            Some(Target::Values { begin, end }) => self.set(begin, end, false),
            Some(Target::Landing { begin, end }) => self.set(begin as u64, end as u64, true),
        }
        true
    }

    /// True if a segment is whole now: copy the values at `begin..end` to the operand, `add`, and copy them back.
    pub fn received(&mut self, peer: u32, bytes: f64) -> bool {
        let segment = self.executor.received(peer, bytes as u64);
        if let Some((begin, end)) = segment {
            self.set(begin, end, false);
        }
        segment.is_some()
    }

    pub fn add(&mut self, peer: u32) {
        self.executor.add(peer);
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
    pub fn landing(&self) -> bool {
        self.landing
    }

    /// Address of the landing zone in the memory, `segment` floats long.
    pub fn landing_address(&mut self) -> usize {
        self.executor.landing().as_ptr() as usize
    }

    /// Address of the operand in the memory, `segment` floats long.
    pub fn operand_address(&mut self) -> usize {
        self.executor.operand().as_ptr() as usize
    }
}

impl Engine {
    fn set(&mut self, begin: u64, end: u64, landing: bool) {
        self.begin = begin as f64;
        self.end = end as f64;
        self.landing = landing;
    }
}
