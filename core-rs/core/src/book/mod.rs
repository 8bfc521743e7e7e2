//! Order books. Neither book panics, clears itself or refuses on locked, crossed or stale input:
//! before the open and inside a multi-row event such states are legitimate, so they are flagged
//! and the caller decides.

/// Average and worst price for a quantity.
mod depth;
/// Sequence gaps, old messages, other instruments.
mod feed;
mod l2;
mod l3;
mod queues;

#[cfg(test)]
mod tests;

pub use depth::{Sweep, sweep};
pub use feed::{Admission, FeedGate};
pub use l2::{Delta, L2Book};
pub use l3::{Anomalies, L3Book};
pub(crate) use queues::{Node, OrderQueues};
