//! Order books. Neither book panics, clears itself or refuses on locked, crossed or stale input:
//! before the open and inside a multi-row event such states are legitimate, so they are flagged
//! and the caller decides.

mod l2;
mod l3;
mod queues;

pub use l2::L2Book;
pub use l3::{Anomalies, L3Book};
pub(crate) use queues::{Node, OrderQueues};
