//! `pi5_core.Bus`.

use std::sync::Arc;
use std::time::Duration;

use pi5_core::dispatch;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::queue::{Subscriber, Subscription, parse_policy};

/// Topics whose subscribers are kept resolved; others are looked up for each event.
const TOPICS_MAX: usize = 65_536;
const CAPACITY_MAX: usize = 1 << 24;

#[pyclass(module = "pi5_core", frozen, weakref)]
pub struct Bus {
    inner: Arc<dispatch::Bus<Subscriber>>,
}

#[pymethods]
impl Bus {
    #[new]
    fn new() -> Self {
        Self { inner: Arc::new(dispatch::Bus::new(TOPICS_MAX)) }
    }

    #[pyo3(signature = (topic, capacity = 1024, policy = "drop_oldest", block_timeout = 1.0))]
    fn subscribe(
        &self,
        topic: &str,
        capacity: usize,
        policy: &str,
        block_timeout: f64,
    ) -> PyResult<Subscription> {
        if !(1..=CAPACITY_MAX).contains(&capacity) {
            return Err(PyValueError::new_err(format!(
                "capacity must be from 1 to {CAPACITY_MAX}"
            )));
        }
        let timeout = Duration::try_from_secs_f64(block_timeout)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let policy = parse_policy(policy)?;
        let subscriber = Arc::new(Subscriber::new(topic.to_owned(), capacity, policy, timeout));
        self.inner.subscribe(topic, Arc::clone(&subscriber));
        Ok(Subscription { subscriber, bus: Arc::clone(&self.inner) })
    }

    #[pyo3(signature = (topic, payload, key = None))]
    fn publish(
        &self,
        py: Python<'_>,
        topic: &str,
        payload: &Bound<'_, PyAny>,
        key: Option<&str>,
    ) -> PyResult<usize> {
        let delivery = self.inner.delivery(topic);
        delivery.count(1);
        let mut reached = 0;
        for subscriber in delivery.subscribers() {
            reached += usize::from(subscriber.deliver(py, payload.clone().unbind(), key)?);
        }
        Ok(reached)
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
