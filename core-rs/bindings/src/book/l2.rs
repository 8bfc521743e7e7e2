//! `pi5_core.L2Book`.

use pi5_core::{Side, book};
use pyo3::prelude::*;

use crate::side;

type Touch = (Option<i64>, Option<i64>);
type Levels = Vec<(i64, i64)>;

#[pyclass(module = "pi5_core")]
pub struct L2Book {
    inner: book::L2Book,
}

impl L2Book {
    fn touch(&self) -> Touch {
        (self.inner.best_price(Side::Buy), self.inner.best_price(Side::Sell))
    }
}

#[pymethods]
impl L2Book {
    #[new]
    fn new() -> Self {
        Self { inner: book::L2Book::new() }
    }

    fn update(&mut self, side: u8, price: i64, quantity: i64) -> PyResult<Touch> {
        self.inner.update(side::parse(side)?, price, quantity);
        Ok(self.touch())
    }

    #[pyo3(signature = (bids, asks, sequence = 0))]
    fn snapshot(&mut self, bids: Levels, asks: Levels, sequence: u64) {
        self.inner.snapshot(bids, asks, sequence);
    }

    fn clear(&mut self) {
        self.inner.clear();
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

    #[getter]
    fn is_crossed(&self) -> bool {
        self.inner.is_crossed()
    }

    #[getter]
    fn is_locked(&self) -> bool {
        self.inner.is_locked()
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.inner.sequence()
    }

    /// Number of levels of both sides.
    fn __len__(&self) -> usize {
        self.inner.level_count(Side::Buy) + self.inner.level_count(Side::Sell)
    }
}
