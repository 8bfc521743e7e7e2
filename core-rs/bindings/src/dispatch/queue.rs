//! `pi5_core.Subscription`: the reading end of one subscriber's queue.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pi5_core::dispatch::{self, Offer, Policy, Queue, QueueStatistics};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::call::call_with_one;

/// How long a blocked publish sleeps before it looks for signals such as Ctrl-C.
const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// What the bus delivers to.
pub struct Subscriber {
    pub topic: String,
    pub queue: Queue<Py<PyAny>>,
    block_timeout: Duration,
    wakeup: Mutex<Option<Py<PyAny>>>,
    /// Takes each event at once, in the publisher's thread, instead of the queue.
    handler: Option<Py<PyAny>>,
    handled: AtomicU64,
    failures: AtomicU64,
    timed_out: AtomicU64,
}

impl Subscriber {
    pub fn new(
        topic: String,
        capacity: usize,
        policy: Policy,
        block_timeout: Duration,
        handler: Option<Py<PyAny>>,
    ) -> Self {
        Self {
            topic,
            queue: Queue::new(capacity, policy),
            block_timeout,
            wakeup: Mutex::new(None),
            handler,
            handled: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
        }
    }

    /// Hands one event over; true when it was taken.
    #[inline]
    pub fn deliver(
        &self,
        py: Python<'_>,
        payload: &Bound<'_, PyAny>,
        key: Option<&str>,
    ) -> PyResult<bool> {
        match &self.handler {
            Some(handler) => Ok(self.handle(py, handler, payload)),
            None => self.enqueue(py, payload.clone().unbind(), key),
        }
    }

    /// A handler's failure must not keep the event from the others or stop the producer, so it
    /// is counted and reported the way Python reports errors that nobody can catch.
    fn handle(&self, py: Python<'_>, handler: &Py<PyAny>, payload: &Bound<'_, PyAny>) -> bool {
        if self.queue.is_closed() {
            return false;
        }
        self.handled.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = call_with_one(py, handler, payload) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            error.write_unraisable(py, Some(handler.bind(py)));
        }
        true
    }

    /// Queues one event and wakes the reader if it may be asleep; true when the event was taken.
    fn enqueue(&self, py: Python<'_>, payload: Py<PyAny>, key: Option<&str>) -> PyResult<bool> {
        match self.queue.offer(payload, key) {
            Offer::Queued { first, displaced } => {
                drop(displaced);
                if first {
                    self.wake(py);
                }
                Ok(true)
            }
            Offer::Full(payload) => self.deliver_blocking(py, payload),
            Offer::Closed(_) => Ok(false),
        }
    }

    /// Hands a whole list over, with one lock for as much of it as there is room for.
    pub fn deliver_many(&self, py: Python<'_>, payloads: &Bound<'_, PyList>) -> PyResult<usize> {
        let mut reached = 0;
        if self.handler.is_some() || self.queue.policy() != Policy::DropOldest {
            for payload in payloads {
                reached += usize::from(self.deliver(py, &payload, None)?);
            }
            return Ok(reached);
        }
        let events: Vec<Py<PyAny>> = payloads.iter().map(Bound::unbind).collect();
        let count = events.len();
        let mut displaced = Vec::new();
        let first = self.queue.offer_many(events, &mut displaced);
        drop(displaced);
        if first == Some(true) {
            self.wake(py);
        }
        Ok(if first.is_some() { count } else { 0 })
    }

    #[cold]
    fn deliver_blocking(&self, py: Python<'_>, mut payload: Py<PyAny>) -> PyResult<bool> {
        let deadline = Instant::now() + self.block_timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.timed_out.fetch_add(1, Ordering::Relaxed);
                return Ok(false);
            }
            py.detach(|| self.queue.wait_for_room(left.min(SIGNAL_CHECK_INTERVAL)));
            py.check_signals()?;
            match self.queue.offer(payload, None) {
                Offer::Queued { first, .. } => {
                    if first {
                        self.wake(py);
                    }
                    return Ok(true);
                }
                Offer::Full(back) => payload = back,
                Offer::Closed(_) => return Ok(false),
            }
        }
    }

    /// Calls the wake-up. A reader's failure must not stop the producer, so it is reported the
    /// way Python reports errors nobody can catch.
    fn wake(&self, py: Python<'_>) {
        let wakeup = self.wakeup.lock().unwrap_or_else(PoisonError::into_inner);
        let callback = wakeup.as_ref().map(|callback| callback.clone_ref(py));
        drop(wakeup);
        if let Some(callback) = callback
            && let Err(error) = callback.call0(py)
        {
            error.write_unraisable(py, Some(callback.bind(py)));
        }
    }

    pub fn close(&self, py: Python<'_>) {
        self.queue.close();
        self.wake(py);
    }

    pub fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let QueueStatistics { sequence, delivered, dropped, conflated, pending, pending_max } =
            self.queue.statistics();
        let entry = PyDict::new(py);
        entry.set_item("topic", &self.topic)?;
        entry.set_item("capacity", self.queue.capacity())?;
        entry.set_item("sequence", sequence)?;
        let handled = self.handled.load(Ordering::Relaxed);
        entry.set_item("delivered", delivered + handled)?;
        entry.set_item("failures", self.failures.load(Ordering::Relaxed))?;
        entry.set_item("dropped", dropped + self.timed_out.load(Ordering::Relaxed))?;
        entry.set_item("conflated", conflated)?;
        entry.set_item("pending", pending)?;
        entry.set_item("pending_max", pending_max)?;
        Ok(entry)
    }
}

pub fn parse_timeout(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub fn parse_policy(policy: &str) -> PyResult<Policy> {
    match policy {
        "drop_oldest" => Ok(Policy::DropOldest),
        "block" => Ok(Policy::Block),
        "conflate" => Ok(Policy::Conflate),
        _ => Err(PyValueError::new_err("policy must be drop_oldest, block or conflate")),
    }
}

#[pyclass(module = "pi5_core", frozen, weakref)]
pub struct Subscription {
    pub subscriber: Arc<Subscriber>,
    pub bus: Arc<dispatch::Bus<Subscriber>>,
}

#[pymethods]
impl Subscription {
    #[pyo3(signature = (limit = 256))]
    fn drain<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let mut events = Vec::new();
        self.subscriber.queue.drain_into(limit, &mut events);
        PyList::new(py, events)
    }

    /// Waits without the interpreter lock until something is there, the subscription is closed
    /// or the time is over; then drains.
    #[pyo3(signature = (limit = 256, timeout = 1.0))]
    fn drain_wait<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
        timeout: f64,
    ) -> PyResult<Bound<'py, PyList>> {
        let deadline = Instant::now() + parse_timeout(timeout)?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let slice = left.min(SIGNAL_CHECK_INTERVAL);
            py.detach(|| self.subscriber.queue.wait_for_events(slice));
            let batch = self.drain(py, limit)?;
            if !batch.is_empty() || left.is_zero() || self.closed() {
                return Ok(batch);
            }
            py.check_signals()?;
        }
    }

    #[pyo3(signature = (callback))]
    fn set_wakeup(&self, py: Python<'_>, callback: Option<Py<PyAny>>) {
        let mut wakeup = self.subscriber.wakeup.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = std::mem::replace(&mut *wakeup, callback);
        drop(wakeup);
        drop(previous);
        if self.subscriber.queue.statistics().pending > 0 {
            self.subscriber.wake(py);
        }
    }

    /// Batches for `async for`; see `pi5_core.batches`.
    #[pyo3(signature = (limit = 256))]
    fn batches<'py>(slf: &Bound<'py, Self>, limit: usize) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pi5_core.streaming")?.call_method1("batches", (slf, limit))
    }

    fn close(&self, py: Python<'_>) {
        self.bus.unsubscribe(&self.subscriber);
        self.subscriber.close(py);
    }

    #[getter]
    fn closed(&self) -> bool {
        self.subscriber.queue.is_closed()
    }

    #[getter]
    fn topic(&self) -> &str {
        &self.subscriber.topic
    }

    #[getter]
    fn dropped(&self) -> u64 {
        let timed_out = self.subscriber.timed_out.load(Ordering::Relaxed);
        self.subscriber.queue.statistics().dropped + timed_out
    }

    #[getter]
    fn conflated(&self) -> u64 {
        self.subscriber.queue.statistics().conflated
    }

    #[getter]
    fn pending(&self) -> usize {
        self.subscriber.queue.statistics().pending
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.subscriber.queue.statistics().sequence
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) {
        self.close(py);
    }
}
