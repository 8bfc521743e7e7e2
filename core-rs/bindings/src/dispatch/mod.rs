//! In-process dispatch for Python.
//!
//! No queue lock is ever held while Python code runs or while the interpreter lock is awaited:
//! payloads that give way are dropped and wake-ups are called after the lock is free.

mod bus;
mod queue;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<bus::Bus>()?;
    module.add_class::<queue::Subscription>()
}
