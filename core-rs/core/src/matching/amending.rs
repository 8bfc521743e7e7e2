//! How an open order is changed: what keeps its place in the queue and what loses it.

use super::conditional::parts_are_bounded;
use super::engine::{MatchingEngine, Taker};
use super::order::{EventKind, Fill, NewOrder, Outcome, Phase, Reason, Status};
use crate::book::Node;

impl MatchingEngine {
    /// Changes price and total quantity (what has traded counts) of an open order. A smaller
    /// quantity at the same price keeps the place in the queue, anything else goes to the back
    /// and may trade. A refused replace leaves the order where it is.
    pub fn replace(
        &mut self,
        id: u64,
        price: i64,
        quantity: i64,
        fills: &mut Vec<Fill>,
    ) -> Outcome {
        self.events.clear();
        let from = fills.len();
        let outcome = self.amend(id, price, quantity, fills);
        if self.cascade(fills, from) {
            self.refreshed(id, outcome, &fills[from..])
        } else {
            outcome
        }
    }

    fn amend(&mut self, id: u64, price: i64, quantity: i64, fills: &mut Vec<Fill>) -> Outcome {
        let Some(slot) = self.queues.find(id) else {
            return self.amend_waiting(id, price, quantity);
        };
        let node = *self.queues.node(slot);
        let shown_and_hidden = self.remaining(id).unwrap_or(node.quantity);
        let refuse = |reason| Outcome::rejected(shown_and_hidden, reason);
        if quantity <= 0 {
            return refuse(Reason::InvalidQuantity);
        }
        if self.phase == Phase::Halted {
            return refuse(Reason::Halted);
        }
        if self.band.is_some_and(|(low, high)| !(low..=high).contains(&price)) {
            return refuse(Reason::PriceBand);
        }
        let open = quantity.saturating_sub(node.filled);
        if open <= 0 {
            return refuse(Reason::QuantityBelowFilled);
        }
        let shown = self.attributes.get(&id).map_or(0, |attributes| attributes.display);
        if shown > 0 && !parts_are_bounded(open, shown) {
            return refuse(Reason::InvalidTerms);
        }
        if price == node.price() && open <= shown_and_hidden {
            return self.shrink(slot, &node, open);
        }
        self.queues.remove(slot);
        let order = NewOrder::limit(id, node.participant, node.side, price, open);
        let reduce_only = self.attributes.get(&id).is_some_and(|a| a.reduce_only);
        let limit_key = node.side.opposite().key(price);
        let (participant, side, filled) = (node.participant, node.side, node.filled);
        let mut taker = Taker { id, participant, side, limit_key, open, filled, reduce_only };
        let stopped = self.take_if_trading(&mut taker, fills);
        let outcome = self.settle(&order, &taker, stopped);
        if !matches!(outcome.status, Status::Resting | Status::PartiallyFilled) {
            self.closed(id, taker.filled, outcome.remaining);
        }
        outcome
    }

    /// Makes a resting order smaller where it stands, hidden quantity first.
    fn shrink(&mut self, slot: u32, node: &Node, open: i64) -> Outcome {
        let shown = node.quantity.min(open);
        if let Some(attributes) = self.attributes.get_mut(&node.id) {
            attributes.hidden = open - shown;
        }
        self.queues.reduce(slot, node.quantity - shown);
        let status = if node.filled > 0 { Status::PartiallyFilled } else { Status::Resting };
        Outcome { status, remaining: open, reason: None }
    }

    /// What the cascade made of the order a call was about.
    #[cold]
    pub(super) fn refreshed(&self, id: u64, outcome: Outcome, fills: &[Fill]) -> Outcome {
        if !matches!(outcome.status, Status::Resting | Status::PartiallyFilled | Status::Pending) {
            return outcome;
        }
        if let Some(slot) = self.queues.find(id) {
            let filled = self.queues.node(slot).filled > 0;
            let status = if filled { Status::PartiallyFilled } else { Status::Resting };
            let remaining = self.remaining(id).unwrap_or(outcome.remaining);
            return Outcome { status, remaining, reason: None };
        }
        if self.conditionals.contains(id) {
            return outcome;
        }
        let canceled = self.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Canceled(reason) if event.order_id == id => Some((event.quantity, reason)),
            _ => None,
        });
        match canceled {
            Some((open, reason)) => Outcome::canceled(open, reason),
            None if fills.iter().any(|f| f.maker_id == id || f.taker_id == id) => {
                Outcome { status: Status::Filled, remaining: 0, reason: None }
            }
            None => outcome,
        }
    }
}
