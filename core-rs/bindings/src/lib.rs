//! The Python module `pi5_core._native`: conversions and nothing else. Each file here shows the
//! file of the same name in `pi5-core`.

mod bars;
mod book;
mod call;
mod columns;
mod dispatch;
mod indicators;
mod matching;
mod side;
mod simulation;
mod types;

use pyo3::prelude::*;

/// Native part of `pi5_core`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    side::register(module)?;
    book::register(module)?;
    matching::register(module)?;
    indicators::register(module)?;
    dispatch::register(module)?;
    simulation::register(module)?;
    bars::register(module)?;
    types::register(module)
}
