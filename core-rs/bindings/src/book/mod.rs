//! Order books for Python.

mod l2;
mod l3;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<l2::L2Book>()?;
    module.add_class::<l3::L3Book>()
}
