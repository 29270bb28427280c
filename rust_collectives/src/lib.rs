//! Collectives as a pure state machine: no sockets, no clock.
//!
//! ```text
//!                    schedule.rs           executor.rs                         the driver (src/dist)
//!   rank, size, op -> list of moves  ->  next_send(peer)    -> bytes a..b  ->  write them, sent(peer, n)
//!   (ring.rs, chain.rs)                  next_receive(peer) -> where to    ->  read there, received(peer, n)
//! ```
//!
//! An algorithm only writes down moves; the executor alone knows how far each has come, which bytes may leave, and when
//! a landed segment is added. A new algorithm is one more file like ring.rs.

pub mod chain;
pub mod executor;
pub mod reduce;
pub mod ring;
pub mod schedule;
mod wasm;
