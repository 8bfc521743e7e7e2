//! Backtests. Two paths over the same account and the same prices: the event loop, which calls a
//! strategy for each event and works its orders against bars, quotes and trades; and the rules,
//! which turn whole arrays into trades. Given the same decisions they make the same trades and
//! the same equity, exactly.

/// Cash, positions and fees in exact integers.
mod account;
/// Working orders of the simulated account and how bars, quotes and trades fill them.
mod exchange;
/// The event loop.
mod replay;
/// Targets, a moving-average rule and parameter sweeps over whole arrays.
mod rules;
/// Streams of history merged by time.
mod streams;

#[cfg(test)]
mod tests;

pub use account::{Account, Costs, E8};
pub use exchange::{Fill, FillRules, Order, Rejected, Timing};
pub use replay::{Replay, Settings};
pub use rules::{Prices, RuleError, Run, Sizing, run_sma_cross, run_targets, sweep_sma_cross};
pub use streams::{Event, EventKind, Row, Streams};
