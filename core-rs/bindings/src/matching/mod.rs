//! The matching engine for Python.

mod batch;
mod engine;
mod order;

use pyo3::prelude::*;

pub use order::{parse_kind, parse_time_in_force};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    order::register(module)?;
    module.add("OP_LIMIT", batch::OP_LIMIT)?;
    module.add("OP_MARKET", batch::OP_MARKET)?;
    module.add("OP_CANCEL", batch::OP_CANCEL)?;
    module.add("OP_REPLACE", batch::OP_REPLACE)?;
    module.add_class::<batch::BatchResult>()?;
    module.add_class::<engine::MatchingEngine>()
}
