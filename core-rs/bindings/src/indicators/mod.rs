//! Indicators for Python: a class for single values and a function for arrays, both made from one
//! line of a table.

mod batch;
mod pipeline;
mod table;

use pi5_core::indicators::BadParameter;
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// `BadParameter` is the caller's fault.
fn refused(error: BadParameter) -> PyErr {
    PyValueError::new_err(error.0)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    table::register(module)?;
    module.add_class::<pipeline::Pipeline>()
}
