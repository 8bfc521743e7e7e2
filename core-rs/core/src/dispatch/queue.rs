//! One subscriber's queue.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a full queue does with one more event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The oldest event gives way and is counted as dropped.
    DropOldest,
    /// The producer waits for room.
    Block,
    /// A newer event replaces the waiting one of its key; without a key or when full of other
    /// keys, the oldest gives way.
    Conflate,
}

/// What became of an offered event. Displaced payloads are handed back so that they are dropped
/// by the caller, outside the queue's lock.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer<T> {
    /// Queued; `first` is true when the queue was empty, so its reader must be woken.
    Queued {
        /// The reader has to be woken.
        first: bool,
        /// The event that gave way, if any.
        displaced: Option<T>,
    },
    /// There is no room and the policy is to wait.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

/// Counters of one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStatistics {
    /// Number of the last event offered to this queue, from 1.
    pub sequence: u64,
    /// Events handed to the reader.
    pub delivered: u64,
    /// Events that gave way because the queue was full.
    pub dropped: u64,
    /// Events replaced by a newer one of the same key.
    pub conflated: u64,
    /// Events waiting now.
    pub pending: usize,
    /// Most events that ever waited.
    pub pending_max: usize,
}

struct Entry<T> {
    key: Option<Box<str>>,
    payload: T,
}

struct State<T> {
    events: VecDeque<Entry<T>>,
    /// Absolute position of the waiting event of each key.
    positions: HashMap<Box<str>, u64>,
    /// Absolute position of the front event.
    front: u64,
    statistics: QueueStatistics,
    closed: bool,
    /// Producers waiting for room, so that readers signal only when somebody listens.
    waiting: usize,
    /// Readers waiting for events.
    reading: usize,
}

/// A bounded queue between one or more producers and one reader.
pub struct Queue<T> {
    capacity: usize,
    policy: Policy,
    state: Mutex<State<T>>,
    room: Condvar,
    filled: Condvar,
}

impl<T> Queue<T> {
    /// A queue for at most `capacity` events (at least one).
    pub fn new(capacity: usize, policy: Policy) -> Self {
        let state = State {
            events: VecDeque::new(),
            positions: HashMap::new(),
            front: 0,
            statistics: QueueStatistics::default(),
            closed: false,
            waiting: 0,
            reading: 0,
        };
        Self {
            capacity: capacity.max(1),
            policy,
            state: Mutex::new(state),
            room: Condvar::new(),
            filled: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers one event.
    pub fn offer(&self, payload: T, key: Option<&str>) -> Offer<T> {
        let mut state = self.lock();
        let offered = state.offer(payload, key, self.capacity, self.policy);
        self.notify_readers(&state);
        offered
    }

    /// Offers many events at once, without keys, to a queue that does not block. What gave way is
    /// appended to `displaced`. None when the queue is closed, else whether it was empty.
    pub fn offer_many(
        &self,
        payloads: impl IntoIterator<Item = T>,
        displaced: &mut Vec<T>,
    ) -> Option<bool> {
        let mut state = self.lock();
        let mut was_empty = false;
        for payload in payloads {
            match state.offer(payload, None, self.capacity, self.policy) {
                Offer::Queued { first, displaced: old } => {
                    was_empty |= first;
                    displaced.extend(old);
                }
                Offer::Full(payload) => displaced.push(payload),
                Offer::Closed(payload) => {
                    displaced.push(payload);
                    return None;
                }
            }
        }
        self.notify_readers(&state);
        Some(was_empty)
    }

    fn notify_readers(&self, state: &State<T>) {
        if state.reading > 0 {
            self.filled.notify_all();
        }
    }

    /// Waits until there is an event, the queue is closed or the time is over.
    pub fn wait_for_events(&self, timeout: Duration) {
        let mut state = self.lock();
        if !state.events.is_empty() || state.closed {
            return;
        }
        state.reading += 1;
        let waited = self.filled.wait_timeout(state, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0.reading -= 1;
    }

    /// Waits until there is room, the queue is closed or the time is over.
    pub fn wait_for_room(&self, timeout: Duration) {
        let mut state = self.lock();
        if state.events.len() < self.capacity || state.closed {
            return;
        }
        state.waiting += 1;
        let waited = self.room.wait_timeout(state, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
    }

    /// Moves at most `limit` events out, oldest first, to a buffer of the caller. A closed queue
    /// can still be drained.
    pub fn drain_into(&self, limit: usize, events: &mut Vec<T>) -> usize {
        let mut state = self.lock();
        let count = limit.min(state.events.len());
        events.reserve(count);
        for _ in 0..count {
            if let Some(entry) = state.pop() {
                events.push(entry);
            }
        }
        state.statistics.delivered += count as u64;
        if state.waiting > 0 {
            self.room.notify_all();
        }
        count
    }

    /// Takes no more events; what waits can still be drained.
    pub fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
        self.filled.notify_all();
    }

    /// True after [`Queue::close`].
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Counters as of now.
    pub fn statistics(&self) -> QueueStatistics {
        let state = self.lock();
        QueueStatistics { pending: state.events.len(), ..state.statistics }
    }

    /// Most events that may wait.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// What happens when it is full.
    pub fn policy(&self) -> Policy {
        self.policy
    }
}

impl<T> State<T> {
    fn offer(
        &mut self,
        payload: T,
        key: Option<&str>,
        capacity: usize,
        policy: Policy,
    ) -> Offer<T> {
        if self.closed {
            return Offer::Closed(payload);
        }
        let full = self.events.len() >= capacity;
        if full && policy == Policy::Block {
            return Offer::Full(payload);
        }
        self.statistics.sequence += 1;
        let key = key.filter(|_| policy == Policy::Conflate);
        if let Some(&position) = key.and_then(|key| self.positions.get(key)) {
            let entry = &mut self.events[(position - self.front) as usize];
            let displaced = Some(std::mem::replace(&mut entry.payload, payload));
            self.statistics.conflated += 1;
            return Offer::Queued { first: false, displaced };
        }
        let displaced = if full { self.pop() } else { None };
        self.statistics.dropped += u64::from(displaced.is_some());
        let first = self.events.is_empty() && displaced.is_none();
        let key: Option<Box<str>> = key.map(Into::into);
        if let Some(key) = &key {
            self.positions.insert(key.clone(), self.front + self.events.len() as u64);
        }
        self.events.push_back(Entry { key, payload });
        self.statistics.pending_max = self.statistics.pending_max.max(self.events.len());
        Offer::Queued { first, displaced }
    }

    fn pop(&mut self) -> Option<T> {
        let entry = self.events.pop_front()?;
        self.front += 1;
        if let Some(key) = entry.key {
            self.positions.remove(&key);
        }
        Some(entry.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(queue: &Queue<u32>) -> Vec<u32> {
        let mut events = Vec::new();
        queue.drain_into(usize::MAX, &mut events);
        events
    }

    #[test]
    fn drop_oldest_keeps_the_newest_and_counts_the_loss() {
        let queue = Queue::new(3, Policy::DropOldest);
        for event in 0..5 {
            queue.offer(event, None);
        }
        assert_eq!(drained(&queue), [2, 3, 4]);
        let statistics = queue.statistics();
        assert_eq!((statistics.sequence, statistics.dropped, statistics.delivered), (5, 2, 3));
    }

    #[test]
    fn conflate_replaces_in_place_and_keeps_the_order_of_keys() {
        let queue = Queue::new(3, Policy::Conflate);
        for (event, key) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "d")] {
            queue.offer(event, Some(key));
        }
        assert_eq!(drained(&queue), [2, 4, 5]);
        let statistics = queue.statistics();
        assert_eq!((statistics.conflated, statistics.dropped), (1, 1));
        queue.offer(6, Some("a"));
        assert_eq!(drained(&queue), [6]);
    }

    #[test]
    fn block_hands_the_event_back_until_there_is_room() {
        let queue = Queue::new(1, Policy::Block);
        assert_eq!(queue.offer(1, None), Offer::Queued { first: true, displaced: None });
        assert_eq!(queue.offer(2, None), Offer::Full(2));
        assert_eq!(drained(&queue), [1]);
        assert_eq!(queue.offer(2, None), Offer::Queued { first: true, displaced: None });
    }

    #[test]
    fn a_closed_queue_refuses_new_events_and_can_be_drained() {
        let queue = Queue::new(4, Policy::Block);
        queue.offer(1, None);
        queue.close();
        assert_eq!(queue.offer(2, None), Offer::Closed(2));
        assert_eq!(drained(&queue), [1]);
    }

    #[test]
    fn a_waiting_producer_goes_on_when_the_reader_makes_room() {
        let queue = Queue::new(1, Policy::Block);
        queue.offer(1, None);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut event = 2;
                while let Offer::Full(back) = queue.offer(event, None) {
                    queue.wait_for_room(Duration::from_millis(50));
                    event = back;
                }
            });
            let mut seen = Vec::new();
            while seen.len() < 2 {
                seen.extend(drained(&queue));
            }
            assert_eq!(seen, [1, 2]);
        });
    }
}
