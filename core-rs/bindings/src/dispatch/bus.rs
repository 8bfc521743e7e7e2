//! `pi5_core.Bus`.

use std::sync::{Arc, Mutex, PoisonError};

use pi5_core::dispatch::{self, Delivery};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::queue::{Subscriber, Subscription, parse_policy, parse_timeout};

/// Topics whose subscribers are kept resolved; others are looked up for each event.
const TOPICS_MAX: usize = 65_536;
const CAPACITY_MAX: usize = 1 << 24;

/// The topic object that was published to last, and who gets it. Publishers name a topic by the
/// same string object again and again, and comparing pointers is all a repeated look-up costs.
struct LastTopic {
    topic: Py<PyString>,
    generation: u64,
    delivery: Arc<Delivery<Subscriber>>,
}

#[pyclass(module = "pi5_core", frozen, weakref)]
pub struct Bus {
    inner: Arc<dispatch::Bus<Subscriber>>,
    last: Mutex<Option<LastTopic>>,
}

impl Bus {
    #[inline]
    fn delivery(&self, topic: &Bound<'_, PyString>) -> PyResult<Arc<Delivery<Subscriber>>> {
        let generation = self.inner.generation();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*last
            && known.topic.is(topic)
            && known.generation == generation
        {
            return Ok(Arc::clone(&known.delivery));
        }
        let delivery = self.inner.delivery(&topic.to_cow()?);
        let topic = topic.clone().unbind();
        let known = LastTopic { topic, generation, delivery: Arc::clone(&delivery) };
        let replaced = last.replace(known);
        drop(last);
        // What was replaced may own Python objects; nothing runs them while the lock is held.
        drop(replaced);
        Ok(delivery)
    }
}

#[pymethods]
impl Bus {
    #[new]
    fn new() -> Self {
        Self { inner: Arc::new(dispatch::Bus::new(TOPICS_MAX)), last: Mutex::new(None) }
    }

    #[pyo3(signature = (
        topic, capacity = 1024, policy = "drop_oldest", block_timeout = 1.0, handler = None
    ))]
    fn subscribe(
        &self,
        topic: &str,
        capacity: usize,
        policy: &str,
        block_timeout: f64,
        handler: Option<Py<PyAny>>,
    ) -> PyResult<Subscription> {
        if !(1..=CAPACITY_MAX).contains(&capacity) {
            return Err(PyValueError::new_err(format!(
                "capacity must be from 1 to {CAPACITY_MAX}"
            )));
        }
        let (policy, timeout) = (parse_policy(policy)?, parse_timeout(block_timeout)?);
        let subscriber = Subscriber::new(topic.to_owned(), capacity, policy, timeout, handler);
        let subscriber = Arc::new(subscriber);
        self.inner.subscribe(topic, Arc::clone(&subscriber));
        Ok(Subscription { subscriber, bus: Arc::clone(&self.inner) })
    }

    #[pyo3(signature = (topic, payload, key = None))]
    fn publish(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyString>,
        payload: &Bound<'_, PyAny>,
        key: Option<&str>,
    ) -> PyResult<usize> {
        let delivery = self.delivery(topic)?;
        delivery.count(1);
        let mut reached = 0;
        for subscriber in delivery.subscribers() {
            reached += usize::from(subscriber.deliver(py, payload, key)?);
        }
        Ok(reached)
    }

    /// Publishes every item of a list with one look-up; returns the number of deliveries.
    fn publish_many(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyString>,
        payloads: &Bound<'_, PyList>,
    ) -> PyResult<usize> {
        let delivery = self.delivery(topic)?;
        delivery.count(payloads.len() as u64);
        let mut reached = 0;
        for subscriber in delivery.subscribers() {
            reached += subscriber.deliver_many(py, payloads)?;
        }
        Ok(reached)
    }

    /// Publishes `encode(value)`, which is called once however many subscribers there are, and
    /// not at all when there is none.
    #[pyo3(signature = (topic, value, encode, key = None))]
    fn publish_encoded(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
        encode: &Bound<'_, PyAny>,
        key: Option<&str>,
    ) -> PyResult<usize> {
        if self.delivery(topic)?.subscribers().is_empty() {
            self.delivery(topic)?.count(1);
            return Ok(0);
        }
        self.publish(py, topic, &encode.call1((value,))?, key)
    }

    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let topics = PyDict::new(py);
        for topic in self.inner.statistics() {
            let entry = PyDict::new(py);
            entry.set_item("published", topic.published)?;
            entry.set_item("subscribers", topic.subscribers)?;
            topics.set_item(topic.topic, entry)?;
        }
        let subscriptions = PyList::empty(py);
        for subscriber in self.inner.subscribers() {
            subscriptions.append(subscriber.statistics(py)?)?;
        }
        let statistics = PyDict::new(py);
        statistics.set_item("topics", topics)?;
        statistics.set_item("subscriptions", subscriptions)?;
        Ok(statistics)
    }

    /// Closes every subscription; what waits can still be drained.
    fn close(&self, py: Python<'_>) {
        for subscriber in self.inner.subscribers() {
            self.inner.unsubscribe(&subscriber);
            subscriber.close(py);
        }
    }
}
