//! The trading core in plain Rust: no Python, no clock, no randomness, no I/O.
//!
//! Prices are integer ticks and quantities integer lots, so nothing here rounds money.
//! Every collection is bounded by what the caller puts in; nothing panics on dirty input.

#![forbid(unsafe_code)]

/// Ticks to bars by time, count, volume or value; bars to longer bars; sessions.
pub mod bars;
/// Order books kept from market data: by price (L2) and by order (L3).
pub mod book;
/// Bounded in-process delivery from one producer to many subscribers.
pub mod dispatch;
/// An open-addressing map from order id to slot.
mod id_map;
/// Technical indicators, one definition for single values and whole arrays.
pub mod indicators;
/// Price levels of one side, dense near the touch and sparse far away.
mod ladder;
/// The matching engine: orders of many participants in price-time priority.
pub mod matching;
/// Sides of the market and how prices become sorted keys.
mod side;
/// Replaying history against simulated orders and accounts, by event or vectorized.
pub mod simulation;
/// Fixed-point prices and quantities, exact from and to decimal text.
pub mod types;

pub use side::Side;
