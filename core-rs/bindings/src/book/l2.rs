//! `pi5_core.L2Book`.

use numpy::{PyArray1, PyReadonlyArray1};
use pi5_core::{Side, book};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Cost, Touch, TouchColumns, TouchTuple, cost, side_of, with_touch};
use crate::columns::{self, Codes, read, same_length};
use crate::side;

type Levels = Vec<(i64, i64)>;
type LevelColumns = (Py<PyArray1<i64>>, Py<PyArray1<i64>>);

#[pyclass(module = "pi5_core")]
pub struct L2Book {
    inner: book::L2Book,
    answered: TouchTuple,
}

impl L2Book {
    #[inline]
    fn touch(&self) -> Touch {
        (self.inner.best_price(Side::Buy), self.inner.best_price(Side::Sell))
    }
}

#[pymethods]
impl L2Book {
    #[new]
    #[pyo3(signature = (instrument = None))]
    fn new(instrument: Option<u64>) -> Self {
        Self { inner: book::L2Book::of(instrument), answered: TouchTuple::default() }
    }

    fn update(
        &mut self,
        py: Python<'_>,
        side: u8,
        price: i64,
        quantity: i64,
    ) -> PyResult<Py<PyTuple>> {
        self.inner.update(side::parse(side)?, price, quantity);
        self.answered.get(py, self.touch())
    }

    /// All rows in one call; with `touch` also the best prices after each row.
    #[pyo3(signature = (sides, prices, quantities, touch = false))]
    #[allow(clippy::needless_pass_by_value)]
    fn apply(
        &mut self,
        py: Python<'_>,
        sides: Codes<'_>,
        prices: PyReadonlyArray1<'_, i64>,
        quantities: PyReadonlyArray1<'_, i64>,
        touch: bool,
    ) -> PyResult<Option<TouchColumns>> {
        let (sides, prices, quantities) =
            (sides.read("side", 1)?, read(&prices), read(&quantities));
        same_length(&[sides.len(), prices.len(), quantities.len()])?;
        let columns = sides.iter().zip(&*prices).zip(&*quantities);
        let rows = columns.map(|((&side, &price), &quantity)| {
            self.inner.update(side_of(side), price, quantity);
            self.touch()
        });
        Ok(with_touch(py, sides.len(), touch, rows))
    }

    #[pyo3(signature = (bids, asks, sequence = 0))]
    fn snapshot(&mut self, bids: Levels, asks: Levels, sequence: u64) {
        self.inner.snapshot(bids, asks, sequence);
    }

    /// Judges the next message of a sequenced feed: APPLY, OLD, GAP or `WRONG_INSTRUMENT`.
    #[pyo3(signature = (sequence, instrument = None))]
    fn admit(&mut self, sequence: u64, instrument: Option<u64>) -> u8 {
        self.inner.admit(sequence, instrument) as u8
    }

    /// The book as (side, price, quantity, `is_last`) steps, the first one clearing (side None).
    fn export(&self) -> Vec<(Option<u8>, i64, i64, bool)> {
        let steps = self.inner.export().into_iter();
        let row = |step: book::Delta| match step.level {
            Some((side, price, quantity)) => (Some(side as u8), price, quantity, step.is_last),
            None => (None, 0, 0, step.is_last),
        };
        steps.map(row).collect()
    }

    #[pyo3(signature = (side = None))]
    fn clear(&mut self, side: Option<u8>) -> PyResult<()> {
        match side {
            Some(side) => self.inner.clear_side(side::parse(side)?),
            None => self.inner.clear(),
        }
        Ok(())
    }

    fn best_bid(&self) -> Option<(i64, i64)> {
        self.inner.best(Side::Buy)
    }

    fn best_ask(&self) -> Option<(i64, i64)> {
        self.inner.best(Side::Sell)
    }

    fn depth(&self, levels: usize) -> (Levels, Levels) {
        let side = |side| self.inner.levels(side).take(levels).collect();
        (side(Side::Buy), side(Side::Sell))
    }

    /// Prices and quantities of one side as arrays, best first.
    fn depth_columns(&self, py: Python<'_>, side: u8, levels: usize) -> PyResult<LevelColumns> {
        let rows: Levels = self.inner.levels(side::parse(side)?).take(levels).collect();
        Ok((columns::column(py, &rows, |row| row.0), columns::column(py, &rows, |row| row.1)))
    }

    fn quantity_at(&self, side: u8, price: i64) -> PyResult<i64> {
        Ok(self.inner.quantity_at(side::parse(side)?, price))
    }

    /// Quantity at this price and better.
    fn quantity_within(&self, side: u8, price: i64) -> PyResult<i64> {
        Ok(self.inner.quantity_within(side::parse(side)?, price))
    }

    /// Filled quantity, notional and worst price of an order of this side.
    fn cost(&self, side: u8, quantity: i64) -> PyResult<Cost> {
        Ok(cost(self.inner.levels(side::parse(side)?.opposite()), quantity))
    }

    #[getter]
    fn is_crossed(&self) -> bool {
        self.inner.is_crossed()
    }

    #[getter]
    fn is_locked(&self) -> bool {
        self.inner.is_locked()
    }

    #[getter]
    fn is_stale(&self) -> bool {
        self.inner.gate().is_stale()
    }

    #[getter]
    fn gaps(&self) -> u64 {
        self.inner.gate().gaps()
    }

    #[getter]
    fn ignored(&self) -> u64 {
        self.inner.ignored()
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.inner.gate().sequence()
    }

    /// Number of levels of both sides.
    fn __len__(&self) -> usize {
        self.inner.level_count(Side::Buy) + self.inner.level_count(Side::Sell)
    }
}
