//! `pi5_core.L3Book`.

use pi5_core::{Side, book};
use pyo3::prelude::*;

use crate::side;

type Touch = (Option<i64>, Option<i64>);
type Levels = Vec<(i64, i64, u32)>;

#[pyclass(module = "pi5_core")]
pub struct L3Book {
    inner: book::L3Book,
}

impl L3Book {
    fn touch(&self) -> Touch {
        (self.inner.best_price(Side::Buy), self.inner.best_price(Side::Sell))
    }
}

#[pymethods]
impl L3Book {
    #[new]
    fn new() -> Self {
        Self { inner: book::L3Book::new() }
    }

    fn add(&mut self, order_id: u64, side: u8, price: i64, quantity: i64) -> PyResult<Touch> {
        self.inner.add(order_id, side::parse(side)?, price, quantity);
        Ok(self.touch())
    }

    fn update(&mut self, order_id: u64, price: i64, quantity: i64) -> Touch {
        self.inner.update(order_id, price, quantity);
        self.touch()
    }

    fn delete(&mut self, order_id: u64) -> Touch {
        self.inner.delete(order_id);
        self.touch()
    }

    fn clear(&mut self) {
        self.inner.clear();
    }

    fn best_bid(&self) -> Option<(i64, i64, u32)> {
        self.inner.best(Side::Buy)
    }

    fn best_ask(&self) -> Option<(i64, i64, u32)> {
        self.inner.best(Side::Sell)
    }

    fn depth(&self, levels: usize) -> (Levels, Levels) {
        let side = |side| self.inner.levels(side).take(levels).collect();
        (side(Side::Buy), side(Side::Sell))
    }

    /// Side, price and quantity of a resting order.
    fn order(&self, order_id: u64) -> Option<(u8, i64, i64)> {
        self.inner.order(order_id).map(|(side, price, quantity)| (side as u8, price, quantity))
    }

    /// Quantity and number of orders that would be filled before this one.
    fn queue_ahead(&self, order_id: u64) -> Option<(i64, u32)> {
        self.inner.queue_ahead(order_id)
    }

    #[getter]
    fn is_crossed(&self) -> bool {
        self.inner.is_crossed()
    }

    #[getter]
    fn is_locked(&self) -> bool {
        self.inner.is_locked()
    }

    /// Duplicate adds, unknown orders, bad quantities seen so far.
    #[getter]
    fn anomalies(&self) -> (u64, u64, u64) {
        let seen = self.inner.anomalies();
        (seen.duplicate_adds, seen.unknown_orders, seen.bad_quantities)
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }
}
