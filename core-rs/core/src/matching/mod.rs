//! The matching engine: orders of many participants in one book, in price-time priority.
//! Deterministic: the same calls in the same order give the same fills and sequence numbers.

/// Changing open orders.
mod amending;
/// Call auctions: the price at which most trades, and the trades at it.
mod auction;
/// Stops and trailing stops.
mod conditional;
/// Submit and cancel.
mod engine;
/// Maker and taker commission.
mod fees;
/// One-cancels-other, one-updates-other and orders that wait for a parent.
mod linked;
/// Orders, fills, events and reasons.
mod order;
/// Time, sessions, halts and positions.
mod session;
/// Taking from the other side of the book.
mod taking;

#[cfg(test)]
mod tests;

pub use engine::{Config, MatchingEngine};
pub use fees::FeeSchedule;
pub use order::{
    EventKind, Fill, Link, NewOrder, OrderEvent, OrderKind, Outcome, Phase, Reason,
    SelfTradePolicy, Status, Terms, TimeInForce,
};
