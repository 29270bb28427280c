//! Collectives as a pure state machine: no sockets, no clock.
//!
//! ```text
//!                    schedule.rs           executor.rs                         the driver (src/dist)
//!   rank, size, op -> list of moves  ->  next_send(peer)    -> bytes a..b  ->  write them, sent(peer, n)
//!   (direct.rs, ring.rs, chain.rs)       next_receive(peer) -> where to    ->  read there, received(peer, n)
//!                                        next_fold()        -> a segment   ->  bring the own term, fold(), take it
//! ```
//!
//! An algorithm only writes down moves (collective.rs chooses it); the executor alone knows how far each has come, which bytes may leave, and when
//! landed terms are folded (reduce.rs, over the elements of element.rs). A new algorithm is one more file like ring.rs.

pub mod chain;
pub mod checksum;
pub mod collective;
pub mod direct;
pub mod element;
pub mod executor;
mod guards;
pub mod half;
mod landing;
pub mod reduce;
pub mod ring;
pub mod schedule;
mod wasm;
