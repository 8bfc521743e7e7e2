//! The matching engine for Python.

mod engine;
mod order;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    order::register(module)?;
    module.add_class::<engine::MatchingEngine>()
}
