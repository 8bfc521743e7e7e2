//! Bounded in-process delivery: a producer publishes to a topic, every subscriber of the topic has
//! a queue of its own with a capacity and a policy for when it is full. Nothing grows without a
//! bound and nothing is lost without being counted.

mod bus;
mod queue;

pub use bus::{Bus, Delivery, TopicStatistics};
pub use queue::{Offer, Policy, Queue, QueueStatistics};
