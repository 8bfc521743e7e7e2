//! `pi5_core.MatchingEngine`.

use numpy::PyReadonlyArray1;
use pi5_core::matching::{self, Config, SelfTradePolicy};
use pi5_core::{Side, book};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::batch::{self, BatchResult};
use super::order::{self, EventRow, NewOrder, SubmitResult, event_row, parse_link};
use crate::columns::{Codes, Ids};
use crate::side;

type Levels = Vec<(i64, i64, u32)>;

#[pyclass(module = "pi5_core")]
pub struct MatchingEngine {
    inner: matching::MatchingEngine,
    /// Fills of calls that return something else, until somebody takes them.
    fills: Vec<matching::Fill>,
}

#[pymethods]
impl MatchingEngine {
    #[new]
    #[pyo3(signature = (self_trade = 0, track_positions = false))]
    fn new(self_trade: u8, track_positions: bool) -> PyResult<Self> {
        let self_trade = SelfTradePolicy::from_index(self_trade)
            .ok_or_else(|| PyValueError::new_err("unknown self-trade policy"))?;
        let inner = matching::MatchingEngine::new(Config { self_trade, track_positions });
        Ok(Self { inner, fills: Vec::new() })
    }

    #[pyo3(signature = (
        order_id, participant, side, order_type, price, quantity, time_in_force = 0,
        post_only = false, *, stop_price = None, trail_offset = None, activation_price = None,
        display_quantity = None, expire_at = None, reduce_only = false
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
        stop_price: Option<i64>,
        trail_offset: Option<i64>,
        activation_price: Option<i64>,
        display_quantity: Option<i64>,
        expire_at: Option<i64>,
        reduce_only: bool,
    ) -> PyResult<SubmitResult> {
        let order = NewOrder::new(
            order_id,
            participant,
            side,
            order_type,
            price,
            quantity,
            time_in_force,
            post_only,
            stop_price,
            trail_offset,
            activation_price,
            display_quantity,
            expire_at,
            reduce_only,
        )?;
        Ok(self.submit_order(&order))
    }

    fn submit_order(&mut self, order: &NewOrder) -> SubmitResult {
        let mut fills = Vec::new();
        let outcome = self.inner.submit(&order.inner, &mut fills);
        SubmitResult::new(outcome, fills)
    }

    /// Many plain operations in one call, without the interpreter lock.
    #[pyo3(signature = (operations, order_ids, sides, prices, quantities, participants = None))]
    #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
    fn apply(
        &mut self,
        py: Python<'_>,
        operations: Codes<'_>,
        order_ids: Ids<'_>,
        sides: Codes<'_>,
        prices: PyReadonlyArray1<'_, i64>,
        quantities: PyReadonlyArray1<'_, i64>,
        participants: Option<Ids<'_>>,
    ) -> PyResult<BatchResult> {
        let engine = &mut self.inner;
        let participants = participants.as_ref();
        batch::apply(
            py,
            engine,
            &operations,
            &order_ids,
            &sides,
            &prices,
            &quantities,
            participants,
        )
    }

    fn cancel(&mut self, order_id: u64) -> Option<i64> {
        self.inner.cancel(order_id, &mut self.fills)
    }

    #[pyo3(signature = (participant = None))]
    fn cancel_all(&mut self, participant: Option<u64>) -> usize {
        self.inner.cancel_all(participant)
    }

    fn replace(&mut self, order_id: u64, price: i64, quantity: i64) -> SubmitResult {
        let mut fills = Vec::new();
        let outcome = self.inner.replace(order_id, price, quantity, &mut fills);
        SubmitResult::new(outcome, fills)
    }

    #[allow(clippy::needless_pass_by_value)]
    fn link(&mut self, order_ids: Vec<u64>, link: u8) -> PyResult<bool> {
        Ok(self.inner.link(&order_ids, parse_link(link)?))
    }

    #[pyo3(signature = (parent_id, children, link = None))]
    #[allow(clippy::needless_pass_by_value)]
    fn attach(
        &mut self,
        parent_id: u64,
        children: Vec<NewOrder>,
        link: Option<u8>,
    ) -> PyResult<bool> {
        let children: Vec<_> = children.iter().map(|child| child.inner).collect();
        let link = link.map(parse_link).transpose()?;
        Ok(self.inner.attach(parent_id, &children, link))
    }

    fn advance(&mut self, now: i64) -> usize {
        self.inner.advance(now, &mut self.fills)
    }

    fn end_session(&mut self) -> usize {
        self.inner.end_session(&mut self.fills)
    }

    fn halt(&mut self) {
        self.inner.halt();
    }

    fn start_auction(&mut self) {
        self.inner.start_auction();
    }

    fn resume(&mut self) {
        self.inner.resume(&mut self.fills);
    }

    /// Price and quantity that an uncross would trade now.
    fn indicative_price(&self) -> Option<(i64, i64)> {
        self.inner.indicative_price()
    }

    #[pyo3(signature = (low = None, high = None))]
    fn set_price_band(&mut self, low: Option<i64>, high: Option<i64>) {
        let bounded = low.is_some() || high.is_some();
        let band = (low.unwrap_or(i64::MIN), high.unwrap_or(i64::MAX));
        self.inner.set_price_band(bounded.then_some(band));
    }

    fn set_position(&mut self, participant: u64, position: i64) {
        self.inner.set_position(participant, position);
    }

    fn position(&self, participant: u64) -> i128 {
        self.inner.position(participant)
    }

    /// Takes the fills of `cancel`, `advance`, `end_session` and `resume`.
    fn take_fills<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        order::list(py, &std::mem::take(&mut self.fills))
    }

    /// What happened besides fills during the last call.
    fn events(&self) -> Vec<EventRow> {
        self.inner.events().iter().map(event_row).collect()
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

    /// Filled quantity, notional and worst price of an order of this side.
    fn cost(&self, side: u8, quantity: i64) -> PyResult<(i64, i128, Option<i64>)> {
        let levels = self.inner.levels(side::parse(side)?.opposite());
        let sweep = book::sweep(levels.map(|(price, quantity, _)| (price, quantity)), quantity);
        Ok((sweep.filled, sweep.notional, sweep.worst_price))
    }

    fn remaining(&self, order_id: u64) -> Option<i64> {
        self.inner.remaining(order_id)
    }

    fn stop_price(&self, order_id: u64) -> Option<i64> {
        self.inner.stop_price(order_id)
    }

    fn queue_ahead(&self, order_id: u64) -> Option<(i64, u32)> {
        self.inner.queue_ahead(order_id)
    }

    #[pyo3(signature = (participant = None))]
    fn open_ids(&self, participant: Option<u64>) -> Vec<u64> {
        self.inner.open_ids(participant)
    }

    #[getter]
    fn phase(&self) -> u8 {
        self.inner.phase() as u8
    }

    #[getter]
    fn last_price(&self) -> Option<i64> {
        self.inner.last_price()
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.inner.sequence()
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
