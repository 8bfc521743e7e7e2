//! The matching engine: orders of many participants in one book, in price-time priority.
//! Deterministic: the same calls in the same order give the same fills and sequence numbers.

mod engine;
mod order;

pub use engine::MatchingEngine;
pub use order::{Fill, NewOrder, OrderKind, Outcome, Reason, Status, TimeInForce};
