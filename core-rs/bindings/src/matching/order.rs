//! `pi5_core.NewOrder`, `pi5_core.Fill`, `pi5_core.SubmitResult` and the numbers of their enums.

use pi5_core::matching::{
    self, Link, OrderEvent, OrderKind, Outcome, Phase, SelfTradePolicy, Status, Terms, TimeInForce,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::side;

#[pyclass(module = "pi5_core", frozen)]
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
    #[inline]
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

/// Fills as a list of objects.
pub fn list<'py>(py: Python<'py>, fills: &[matching::Fill]) -> PyResult<Bound<'py, PyList>> {
    if fills.is_empty() {
        return Ok(PyList::empty(py));
    }
    PyList::new(py, fills.iter().map(Fill::from))
}

#[pyclass(module = "pi5_core", frozen)]
pub struct SubmitResult {
    #[pyo3(get)]
    status: u8,
    #[pyo3(get)]
    remaining: i64,
    #[pyo3(get)]
    reason: Option<&'static str>,
    fills: Vec<matching::Fill>,
}

impl SubmitResult {
    #[inline]
    pub fn new(outcome: Outcome, fills: Vec<matching::Fill>) -> Self {
        Self {
            status: outcome.status as u8,
            remaining: outcome.remaining,
            reason: outcome.reason.map(matching::Reason::code),
            fills,
        }
    }
}

#[pymethods]
impl SubmitResult {
    /// Made when read: most orders rest, and most callers then have no fills to look at.
    #[getter]
    fn fills<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        list(py, &self.fills)
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

/// An order that is not sent yet.
#[pyclass(module = "pi5_core", frozen, from_py_object)]
#[derive(Clone, Copy)]
pub struct NewOrder {
    pub inner: matching::NewOrder,
}

#[pymethods]
impl NewOrder {
    #[new]
    #[pyo3(signature = (
        order_id, participant, side, order_type, price, quantity, time_in_force = 0,
        post_only = false, *, stop_price = None, trail_offset = None, activation_price = None,
        display_quantity = None, expire_at = None, reduce_only = false
    ))]
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        order_id: u64,
        participant: u64,
        side: u8,
        order_type: u8,
        price: i64,
        quantity: i64,
        time_in_force: u8,
        post_only: bool,
        stop_price: Option<i64>,
        trail_offset: Option<i64>,
        activation_price: Option<i64>,
        display_quantity: Option<i64>,
        expire_at: Option<i64>,
        reduce_only: bool,
    ) -> PyResult<Self> {
        let terms = Terms {
            stop_price,
            trail_offset,
            activation_price,
            display_quantity,
            expire_at,
            reduce_only,
        };
        let inner = matching::NewOrder {
            id: order_id,
            participant,
            side: side::parse(side)?,
            kind: parse_kind(order_type)?,
            price,
            quantity,
            time_in_force: parse_time_in_force(time_in_force)?,
            post_only,
            terms: (terms != Terms::default()).then_some(terms),
        };
        Ok(Self { inner })
    }
}

/// Kind, order id, open quantity, sequence of the last trade before it, and reason.
pub type EventRow = (&'static str, u64, i64, u64, Option<&'static str>);

pub fn event_row(event: &OrderEvent) -> EventRow {
    let reason = match event.kind {
        matching::EventKind::Canceled(reason) => Some(reason.code()),
        _ => None,
    };
    (event.kind.code(), event.order_id, event.quantity, event.after_sequence, reason)
}

#[inline]
pub fn parse_kind(order_type: u8) -> PyResult<OrderKind> {
    OrderKind::from_index(order_type).ok_or_else(|| PyValueError::new_err("unknown order type"))
}

#[inline]
pub fn parse_time_in_force(time_in_force: u8) -> PyResult<TimeInForce> {
    TimeInForce::from_index(time_in_force)
        .ok_or_else(|| PyValueError::new_err("unknown time in force"))
}

pub fn parse_link(link: u8) -> PyResult<Link> {
    match link {
        0 => Ok(Link::Oco),
        1 => Ok(Link::Ouo),
        _ => Err(PyValueError::new_err("link must be 0 (OCO) or 1 (OUO)")),
    }
}

fn add_numbers(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let numbers = [
        ("LIMIT", OrderKind::Limit as u8),
        ("MARKET", OrderKind::Market as u8),
        ("STOP", OrderKind::Stop as u8),
        ("STOP_LIMIT", OrderKind::StopLimit as u8),
        ("TRAILING_STOP", OrderKind::TrailingStop as u8),
        ("GTC", TimeInForce::Gtc as u8),
        ("IOC", TimeInForce::Ioc as u8),
        ("FOK", TimeInForce::Fok as u8),
        ("DAY", TimeInForce::Day as u8),
        ("GTD", TimeInForce::Gtd as u8),
        ("RESTING", Status::Resting as u8),
        ("FILLED", Status::Filled as u8),
        ("PARTIALLY_FILLED", Status::PartiallyFilled as u8),
        ("CANCELED", Status::Canceled as u8),
        ("REJECTED", Status::Rejected as u8),
        ("PENDING", Status::Pending as u8),
        ("CONTINUOUS", Phase::Continuous as u8),
        ("HALTED", Phase::Halted as u8),
        ("AUCTION", Phase::Auction as u8),
        ("OCO", Link::Oco as u8),
        ("OUO", Link::Ouo as u8),
        ("ALLOW_SELF_TRADE", SelfTradePolicy::Allow as u8),
        ("CANCEL_NEWEST", SelfTradePolicy::CancelNewest as u8),
        ("CANCEL_OLDEST", SelfTradePolicy::CancelOldest as u8),
        ("CANCEL_BOTH", SelfTradePolicy::CancelBoth as u8),
        ("DECREMENT", SelfTradePolicy::Decrement as u8),
    ];
    numbers.into_iter().try_for_each(|(name, number)| module.add(name, number))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    add_numbers(module)?;
    module.add_class::<Fill>()?;
    module.add_class::<NewOrder>()?;
    module.add_class::<SubmitResult>()
}
