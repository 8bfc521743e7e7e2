//! Topics and who listens to them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Counters of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicStatistics {
    /// The topic.
    pub topic: String,
    /// Events published to it.
    pub published: u64,
    /// Subscribers it has now.
    pub subscribers: usize,
}

/// The subscribers of one exact topic, resolved once and shared until a subscription changes.
pub struct Delivery<S> {
    subscribers: Vec<Arc<S>>,
    published: AtomicU64,
}

impl<S> Delivery<S> {
    /// Who gets what is published to the topic.
    pub fn subscribers(&self) -> &[Arc<S>] {
        &self.subscribers
    }

    /// Counts published events and returns the number of the first of them, from 1.
    pub fn count(&self, events: u64) -> u64 {
        self.published.fetch_add(events, Ordering::Relaxed) + 1
    }
}

struct Registration<S> {
    pattern: String,
    subscriber: Arc<S>,
}

struct Registry<S> {
    registrations: Vec<Registration<S>>,
    topics: HashMap<String, Arc<Delivery<S>>>,
}

/// Exact topics and patterns with a trailing `*`, each with its subscribers in the order in which
/// they came. `S` is whatever takes the events; the bus only finds it.
pub struct Bus<S> {
    registry: RwLock<Registry<S>>,
    topics_max: usize,
    generation: AtomicU64,
}

fn matches(pattern: &str, topic: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == topic, |prefix| topic.starts_with(prefix))
}

impl<S> Bus<S> {
    /// A bus that knows at most `topics_max` topics at a time; the resolution of others is made
    /// anew for each event, which is slower but right.
    pub fn new(topics_max: usize) -> Self {
        let registry = Registry { registrations: Vec::new(), topics: HashMap::new() };
        Self { registry: RwLock::new(registry), topics_max, generation: AtomicU64::new(0) }
    }

    /// Changes whenever somebody subscribes or leaves, so a kept [`Delivery`] can be checked.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Adds a subscriber to a topic, or to every topic that starts with what is before a `*`.
    pub fn subscribe(&self, pattern: &str, subscriber: Arc<S>) {
        let registration = Registration { pattern: pattern.to_owned(), subscriber };
        self.change(|registrations| registrations.push(registration));
    }

    /// Removes a subscriber; false when it was not there.
    pub fn unsubscribe(&self, subscriber: &Arc<S>) -> bool {
        self.change(|registrations| {
            let before = registrations.len();
            registrations.retain(|other| !Arc::ptr_eq(&other.subscriber, subscriber));
            registrations.len() < before
        })
    }

    fn change<R>(&self, change: impl FnOnce(&mut Vec<Registration<S>>) -> R) -> R {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        let registry = &mut *registry;
        let result = change(&mut registry.registrations);
        for (topic, delivery) in &mut registry.topics {
            let published = delivery.published.load(Ordering::Relaxed);
            *delivery = Arc::new(resolve(&registry.registrations, topic, published));
        }
        self.generation.fetch_add(1, Ordering::Release);
        result
    }

    /// The subscribers of a topic.
    pub fn delivery(&self, topic: &str) -> Arc<Delivery<S>> {
        if let Some(known) =
            self.registry.read().unwrap_or_else(PoisonError::into_inner).topics.get(topic)
        {
            return Arc::clone(known);
        }
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        let delivery = Arc::new(resolve(&registry.registrations, topic, 0));
        if registry.topics.len() < self.topics_max {
            let kept = registry.topics.entry(topic.to_owned()).or_insert(delivery);
            return Arc::clone(kept);
        }
        delivery
    }

    /// Everybody who is subscribed to anything, each once.
    pub fn subscribers(&self) -> Vec<Arc<S>> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        registry.registrations.iter().map(|r| Arc::clone(&r.subscriber)).collect()
    }

    /// Counters of every known topic, by name.
    pub fn statistics(&self) -> Vec<TopicStatistics> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        let mut topics: Vec<_> = registry
            .topics
            .iter()
            .map(|(topic, delivery)| TopicStatistics {
                topic: topic.clone(),
                published: delivery.published.load(Ordering::Relaxed),
                subscribers: delivery.subscribers.len(),
            })
            .collect();
        topics.sort_by(|a, b| a.topic.cmp(&b.topic));
        topics
    }
}

fn resolve<S>(registrations: &[Registration<S>], topic: &str, published: u64) -> Delivery<S> {
    let matching = registrations.iter().filter(|r| matches(&r.pattern, topic));
    let subscribers = matching.map(|r| Arc::clone(&r.subscriber)).collect();
    Delivery { subscribers, published: AtomicU64::new(published) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bus: &Bus<&'static str>, topic: &str) -> Vec<&'static str> {
        bus.delivery(topic).subscribers().iter().map(|s| **s).collect()
    }

    #[test]
    fn wildcards_match_prefixes_and_new_subscribers_reach_known_topics() {
        let bus = Bus::new(8);
        bus.subscribe("quotes.AAA", Arc::new("exact"));
        assert_eq!(names(&bus, "quotes.AAA"), ["exact"]);
        let wild = Arc::new("wild");
        bus.subscribe("quotes.*", Arc::clone(&wild));
        assert_eq!(names(&bus, "quotes.AAA"), ["exact", "wild"]);
        assert_eq!(names(&bus, "quotes.BBB"), ["wild"]);
        assert_eq!(names(&bus, "bars.AAA"), [""; 0]);
        assert!(bus.unsubscribe(&wild));
        assert_eq!(names(&bus, "quotes.BBB"), [""; 0]);
        assert!(!bus.unsubscribe(&wild));
    }

    #[test]
    fn the_published_count_survives_a_change_of_subscribers() {
        let bus = Bus::new(8);
        assert_eq!(bus.delivery("a").count(2), 1);
        bus.subscribe("a", Arc::new("x"));
        assert_eq!(bus.delivery("a").count(1), 3);
        assert_eq!(bus.statistics()[0].published, 3);
    }

    #[test]
    fn more_topics_than_the_bound_still_work_and_are_not_kept() {
        let bus = Bus::new(1);
        bus.subscribe("*", Arc::new("all"));
        assert_eq!(names(&bus, "a"), ["all"]);
        assert_eq!(names(&bus, "b"), ["all"]);
        assert_eq!(bus.statistics().len(), 1);
    }
}
