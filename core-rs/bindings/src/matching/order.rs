//! `pi5_core.Fill` and `pi5_core.SubmitResult`.

use std::sync::OnceLock;

use pi5_core::matching::{self, OrderKind, Outcome, Status, TimeInForce};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

#[pyclass(module = "pi5_core", frozen, freelist = 1024)]
pub struct Fill {
    #[pyo3(get)]
    maker_id: u64,
    #[pyo3(get)]
    taker_id: u64,
    #[pyo3(get)]
    maker_participant: u64,
    #[pyo3(get)]
    taker_participant: u64,
    #[pyo3(get)]
    price: i64,
    #[pyo3(get)]
    quantity: i64,
    #[pyo3(get)]
    taker_side: u8,
    #[pyo3(get)]
    sequence: u64,
}

impl From<&matching::Fill> for Fill {
    fn from(fill: &matching::Fill) -> Self {
        Self {
            maker_id: fill.maker_id,
            taker_id: fill.taker_id,
            maker_participant: fill.maker_participant,
            taker_participant: fill.taker_participant,
            price: fill.price,
            quantity: fill.quantity,
            taker_side: fill.taker_side as u8,
            sequence: fill.sequence,
        }
    }
}

#[pymethods]
impl Fill {
    fn __repr__(&self) -> String {
        format!(
            "Fill(maker_id={}, taker_id={}, price={}, quantity={}, taker_side={}, sequence={})",
            self.maker_id, self.taker_id, self.price, self.quantity, self.taker_side, self.sequence
        )
    }
}

#[pyclass(module = "pi5_core", frozen, freelist = 64)]
pub struct SubmitResult {
    #[pyo3(get)]
    status: u8,
    #[pyo3(get)]
    remaining: i64,
    #[pyo3(get)]
    reason: Option<&'static str>,
    fills: Vec<matching::Fill>,
    listed: OnceLock<Py<PyList>>,
}

impl SubmitResult {
    pub fn new(outcome: Outcome, fills: Vec<matching::Fill>) -> Self {
        Self {
            status: outcome.status as u8,
            remaining: outcome.remaining,
            reason: outcome.reason.map(matching::Reason::code),
            fills,
            listed: OnceLock::new(),
        }
    }
}

#[pymethods]
impl SubmitResult {
    /// Made on first reading: most orders rest, and most callers then have no fills to look at.
    #[getter]
    fn fills<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        if let Some(list) = self.listed.get() {
            return Ok(list.bind(py).clone());
        }
        let fills = self.fills.iter().map(|fill| Py::new(py, Fill::from(fill)));
        let list = PyList::new(py, fills.collect::<PyResult<Vec<_>>>()?)?;
        // Two threads may both get here; the first list made stays.
        Ok(self.listed.get_or_init(|| list.unbind()).bind(py).clone())
    }

    fn __repr__(&self) -> String {
        format!(
            "SubmitResult(status={}, fills={}, remaining={}, reason={:?})",
            self.status,
            self.fills.len(),
            self.remaining,
            self.reason
        )
    }
}

#[inline]
pub fn parse_kind(order_type: u8) -> PyResult<OrderKind> {
    match order_type {
        0 => Ok(OrderKind::Limit),
        1 => Ok(OrderKind::Market),
        _ => Err(PyValueError::new_err("unknown order type")),
    }
}

#[inline]
pub fn parse_time_in_force(time_in_force: u8) -> PyResult<TimeInForce> {
    match time_in_force {
        0 => Ok(TimeInForce::Gtc),
        1 => Ok(TimeInForce::Ioc),
        2 => Ok(TimeInForce::Fok),
        _ => Err(PyValueError::new_err("unknown time in force")),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("LIMIT", OrderKind::Limit as u8)?;
    module.add("MARKET", OrderKind::Market as u8)?;
    module.add("GTC", TimeInForce::Gtc as u8)?;
    module.add("IOC", TimeInForce::Ioc as u8)?;
    module.add("FOK", TimeInForce::Fok as u8)?;
    module.add("RESTING", Status::Resting as u8)?;
    module.add("FILLED", Status::Filled as u8)?;
    module.add("PARTIALLY_FILLED", Status::PartiallyFilled as u8)?;
    module.add("CANCELED", Status::Canceled as u8)?;
    module.add("REJECTED", Status::Rejected as u8)?;
    module.add_class::<Fill>()?;
    module.add_class::<SubmitResult>()
}
