//! Collectives as a pure state machine: no sockets, no clock.
//!
//! ```text
//!                    schedule.rs           executor.rs                         the driver (src/distributed/calls)
//!   rank, size, op -> list of moves  ->  next_send(peer)    -> bytes a..b  ->  write them, sent(peer, n)
//!   (direct.rs, ring.rs, chain.rs)       next_receive(peer) -> where to    ->  read there, received(peer, n)
//!                                        next_fold()        -> a segment   ->  bring the own term, fold(), take it
//! ```
//!
//! An algorithm only writes down moves. The executor alone tracks how far each move has come, which bytes may be sent,
//! and when received terms are folded (reduce.rs, over the elements of element.rs). A new algorithm is one more file like
//! ring.rs and its line in the table of algorithm.rs; JavaScript learns of it from there.

pub mod algorithm;
pub mod chain;
pub mod checksum;
pub mod collective;
pub mod direct;
pub mod element;
pub mod executor;
pub mod half;
pub mod keyed_sum;
mod landing;
pub mod nh;
mod peer_checksums;
pub mod reduce;
pub mod ring;
pub mod schedule;
mod wasm;
