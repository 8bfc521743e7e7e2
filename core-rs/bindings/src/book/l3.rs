//! `pi5_core.L3Book`.

use numpy::PyReadonlyArray1;
use pi5_core::{Side, book};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Cost, Touch, TouchColumns, TouchTuple, cost, side_of, with_touch};
use crate::columns::{Codes, Ids, read, same_length};
use crate::side;

pub const ADD: u8 = 0;
pub const UPDATE: u8 = 1;
pub const DELETE: u8 = 2;

type Levels = Vec<(i64, i64, u32)>;

#[pyclass(module = "pi5_core")]
pub struct L3Book {
    inner: book::L3Book,
    answered: TouchTuple,
}

impl L3Book {
    #[inline]
    fn touch(&self) -> Touch {
        (self.inner.best_price(Side::Buy), self.inner.best_price(Side::Sell))
    }
}

#[pymethods]
impl L3Book {
    #[new]
    fn new() -> Self {
        Self { inner: book::L3Book::new(), answered: TouchTuple::default() }
    }

    fn add(
        &mut self,
        py: Python<'_>,
        order_id: u64,
        side: u8,
        price: i64,
        quantity: i64,
    ) -> PyResult<Py<PyTuple>> {
        self.inner.add(order_id, side::parse(side)?, price, quantity);
        self.answered.get(py, self.touch())
    }

    fn update(
        &mut self,
        py: Python<'_>,
        order_id: u64,
        price: i64,
        quantity: i64,
    ) -> PyResult<Py<PyTuple>> {
        self.inner.update(order_id, price, quantity);
        self.answered.get(py, self.touch())
    }

    fn delete(&mut self, py: Python<'_>, order_id: u64) -> PyResult<Py<PyTuple>> {
        self.inner.delete(order_id);
        self.answered.get(py, self.touch())
    }

    /// All rows in one call; with `touch` also the best prices after each row.
    #[pyo3(signature = (actions, order_ids, sides, prices, quantities, touch = false))]
    #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
    fn apply(
        &mut self,
        py: Python<'_>,
        actions: Codes<'_>,
        order_ids: Ids<'_>,
        sides: Codes<'_>,
        prices: PyReadonlyArray1<'_, i64>,
        quantities: PyReadonlyArray1<'_, i64>,
        touch: bool,
    ) -> PyResult<Option<TouchColumns>> {
        let (actions, sides) = (actions.read("action", DELETE)?, sides.read("side", 1)?);
        let (ids, prices, quantities) = (order_ids.read()?, read(&prices), read(&quantities));
        let rows = actions.len();
        same_length(&[rows, ids.len(), sides.len(), prices.len(), quantities.len()])?;
        let keys = actions.iter().zip(&*ids).zip(&*sides);
        let columns = keys.zip(prices.iter().zip(&*quantities));
        let apply = columns.map(|(((&action, &id), &side), (&price, &quantity))| {
            match action {
                ADD => self.inner.add(id, side_of(side), price, quantity),
                UPDATE => self.inner.update(id, price, quantity),
                _ => self.inner.delete(id),
            }
            self.touch()
        });
        Ok(with_touch(py, rows, touch, apply))
    }

    /// Filled quantity, notional and worst price of an order of this side.
    fn cost(&self, side: u8, quantity: i64) -> PyResult<Cost> {
        let levels = self.inner.levels(side::parse(side)?.opposite());
        Ok(cost(levels.map(|(price, quantity, _)| (price, quantity)), quantity))
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
