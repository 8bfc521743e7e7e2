//! Sides as the integers 0 (buy) and 1 (sell).

use pi5_core::Side;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The side with this number, or `ValueError`.
#[inline]
pub fn parse(side: u8) -> PyResult<Side> {
    Side::from_index(side).ok_or_else(|| PyValueError::new_err("side must be 0 (BUY) or 1 (SELL)"))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("BUY", Side::Buy as u8)?;
    module.add("SELL", Side::Sell as u8)
}
