//! `pi5_core.MatchingEngine`.

use pi5_core::{Side, matching};
use pyo3::prelude::*;

use super::order::{SubmitResult, parse_kind, parse_time_in_force};
use crate::side;

type Levels = Vec<(i64, i64, u32)>;

#[pyclass(module = "pi5_core")]
pub struct MatchingEngine {
    inner: matching::MatchingEngine,
}

#[pymethods]
impl MatchingEngine {
    #[new]
    fn new() -> Self {
        Self { inner: matching::MatchingEngine::new() }
    }

    #[pyo3(signature = (
        order_id, participant, side, order_type, price, quantity, time_in_force = 0,
        post_only = false
    ))]
    #[allow(clippy::too_many_arguments)]
    fn submit(
        &mut self,
        order_id: u64,
        participant: u64,
        side: u8,
        order_type: u8,
        price: i64,
        quantity: i64,
        time_in_force: u8,
        post_only: bool,
    ) -> PyResult<SubmitResult> {
        let order = matching::NewOrder {
            id: order_id,
            participant,
            side: side::parse(side)?,
            kind: parse_kind(order_type)?,
            price,
            quantity,
            time_in_force: parse_time_in_force(time_in_force)?,
            post_only,
        };
        let mut fills = Vec::new();
        let outcome = self.inner.submit(&order, &mut fills);
        Ok(SubmitResult::new(outcome, fills))
    }

    fn cancel(&mut self, order_id: u64) -> Option<i64> {
        self.inner.cancel(order_id)
    }

    fn replace(&mut self, order_id: u64, price: i64, quantity: i64) -> SubmitResult {
        let mut fills = Vec::new();
        let outcome = self.inner.replace(order_id, price, quantity, &mut fills);
        SubmitResult::new(outcome, fills)
    }

    fn best_bid(&self) -> Option<(i64, i64)> {
        self.best(Side::Buy)
    }

    fn best_ask(&self) -> Option<(i64, i64)> {
        self.best(Side::Sell)
    }

    fn depth(&self, levels: usize) -> (Levels, Levels) {
        let side = |side| self.inner.levels(side).take(levels).collect();
        (side(Side::Buy), side(Side::Sell))
    }

    fn remaining(&self, order_id: u64) -> Option<i64> {
        self.inner.remaining(order_id)
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }
}

impl MatchingEngine {
    fn best(&self, side: Side) -> Option<(i64, i64)> {
        self.inner.levels(side).next().map(|(price, quantity, _)| (price, quantity))
    }
}
