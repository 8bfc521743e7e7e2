//! The engine itself: one book, continuous trading.

use super::order::{Fill, NewOrder, OrderKind, Outcome, Reason, Status, TimeInForce};
use crate::Side;
use crate::book::{Node, OrderQueues};

/// Matches orders of many participants in price-time priority.
#[derive(Clone, Debug)]
pub struct MatchingEngine {
    queues: OrderQueues,
    sequence: u64,
}

/// The part of an order that is still looking for the other side.
struct Taker {
    id: u64,
    participant: u64,
    side: Side,
    /// Worst acceptable key on the other side.
    limit_key: i64,
    open: i64,
}

impl Default for MatchingEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl MatchingEngine {
    /// An engine with an empty book.
    pub fn new() -> Self {
        Self { queues: OrderQueues::new(), sequence: 0 }
    }

    /// Takes a new order: trades what crosses and rests or cancels the remainder. Fills are
    /// appended to `fills`.
    #[inline]
    pub fn submit(&mut self, order: &NewOrder, fills: &mut Vec<Fill>) -> Outcome {
        if order.quantity <= 0 {
            return Outcome::rejected(order.quantity, Reason::InvalidQuantity);
        }
        if self.queues.find(order.id).is_some() {
            return Outcome::rejected(order.quantity, Reason::DuplicateOrderId);
        }
        let opposite = order.side.opposite();
        let market = order.kind == OrderKind::Market;
        let mut taker = Taker {
            id: order.id,
            participant: order.participant,
            side: order.side,
            limit_key: if market { i64::MAX } else { opposite.key(order.price) },
            open: order.quantity,
        };
        if let Some(outcome) = self.refuse(order, &taker) {
            return outcome;
        }
        self.take(&mut taker, fills);
        self.settle(order, &taker)
    }

    /// The outcome of an order that must not touch the book at all.
    #[inline]
    fn refuse(&self, order: &NewOrder, taker: &Taker) -> Option<Outcome> {
        let crosses = self.crosses(taker);
        if order.kind == OrderKind::Market && !crosses {
            return Some(Outcome::rejected(order.quantity, Reason::NoLiquidity));
        }
        if order.post_only && crosses {
            return Some(Outcome::rejected(order.quantity, Reason::PostOnlyWouldCross));
        }
        if order.time_in_force == TimeInForce::Fok && !self.can_fill(taker) {
            let remaining = order.quantity;
            return Some(Outcome {
                status: Status::Canceled,
                remaining,
                reason: Some(Reason::FillOrKill),
            });
        }
        None
    }

    #[inline]
    fn crosses(&self, taker: &Taker) -> bool {
        self.queues.best_key(taker.side.opposite()).is_some_and(|best| best <= taker.limit_key)
    }

    fn can_fill(&self, taker: &Taker) -> bool {
        let mut open = taker.open;
        for (key, level) in self.queues.levels(taker.side.opposite()) {
            if key > taker.limit_key {
                break;
            }
            open = open.saturating_sub(level.total);
            if open <= 0 {
                return true;
            }
        }
        false
    }

    /// Trades with the best levels while they are good enough, oldest order first.
    #[inline]
    fn take(&mut self, taker: &mut Taker, fills: &mut Vec<Fill>) {
        let opposite = taker.side.opposite();
        while taker.open > 0 {
            let Some(key) = self.queues.best_key(opposite).filter(|&k| k <= taker.limit_key) else {
                return;
            };
            let slot = self.queues.front(opposite, key);
            let maker = self.queues.node(slot);
            let quantity = taker.open.min(maker.quantity);
            self.sequence += 1;
            fills.push(Fill {
                maker_id: maker.id,
                taker_id: taker.id,
                maker_participant: maker.participant,
                taker_participant: taker.participant,
                price: opposite.price(key),
                quantity,
                taker_side: taker.side,
                sequence: self.sequence,
            });
            taker.open -= quantity;
            if quantity == maker.quantity {
                self.queues.remove(slot);
            } else {
                self.queues.reduce(slot, quantity);
                self.queues.node_mut(slot).filled += quantity;
            }
        }
    }

    /// Rests or cancels what is left of an order.
    #[inline]
    fn settle(&mut self, order: &NewOrder, taker: &Taker) -> Outcome {
        let open = taker.open;
        if open == 0 {
            return Outcome { status: Status::Filled, remaining: 0, reason: None };
        }
        let canceled =
            |reason| Outcome { status: Status::Canceled, remaining: open, reason: Some(reason) };
        if order.kind == OrderKind::Market {
            return canceled(Reason::NoLiquidity);
        }
        if order.time_in_force != TimeInForce::Gtc {
            return canceled(Reason::ImmediateOrCancel);
        }
        let mut node = Node::new(order.id, order.participant, order.side, order.price, open);
        node.filled = order.quantity - open;
        self.rest(node)
    }

    #[inline]
    fn rest(&mut self, node: Node) -> Outcome {
        let remaining = node.quantity;
        let status = if node.filled > 0 { Status::PartiallyFilled } else { Status::Resting };
        match self.queues.insert(node) {
            Ok(_) => Outcome { status, remaining, reason: None },
            Err(_) if node.filled > 0 => {
                let reason = Some(Reason::InvalidQuantity);
                Outcome { status: Status::Canceled, remaining, reason }
            }
            Err(_) => Outcome::rejected(remaining, Reason::InvalidQuantity),
        }
    }

    /// Cancels an order and returns what was open of it.
    #[inline]
    pub fn cancel(&mut self, id: u64) -> Option<i64> {
        let slot = self.queues.find(id)?;
        Some(self.queues.remove(slot).quantity)
    }

    /// Changes price and total quantity (what has traded counts) of a resting order. A smaller
    /// quantity at the same price keeps the place in the queue, anything else goes to the back
    /// and may trade. A refused replace leaves the order where it is.
    pub fn replace(
        &mut self,
        id: u64,
        price: i64,
        quantity: i64,
        fills: &mut Vec<Fill>,
    ) -> Outcome {
        let Some(slot) = self.queues.find(id) else {
            return Outcome::rejected(quantity, Reason::UnknownOrder);
        };
        let node = *self.queues.node(slot);
        if quantity <= 0 {
            return Outcome::rejected(node.quantity, Reason::InvalidQuantity);
        }
        let open = quantity.saturating_sub(node.filled);
        if open <= 0 {
            return Outcome::rejected(node.quantity, Reason::QuantityBelowFilled);
        }
        if price == node.price() && open <= node.quantity {
            self.queues.reduce(slot, node.quantity - open);
            let status = if node.filled > 0 { Status::PartiallyFilled } else { Status::Resting };
            return Outcome { status, remaining: open, reason: None };
        }
        self.queues.remove(slot);
        let order = NewOrder {
            id,
            participant: node.participant,
            side: node.side,
            kind: OrderKind::Limit,
            price,
            quantity,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
        };
        let limit_key = node.side.opposite().key(price);
        let mut taker =
            Taker { id, participant: node.participant, side: node.side, limit_key, open };
        self.take(&mut taker, fills);
        self.settle(&order, &taker)
    }

    /// Open quantity of an order.
    pub fn remaining(&self, id: u64) -> Option<i64> {
        Some(self.queues.node(self.queues.find(id)?).quantity)
    }

    /// Best price of a side.
    pub fn best_price(&self, side: Side) -> Option<i64> {
        self.queues.best_price(side)
    }

    /// Levels of a side from the best on: price, quantity, number of orders.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (i64, i64, u32)> {
        self.queues
            .levels(side)
            .map(move |(key, level)| (side.price(key), level.total, level.count))
    }

    /// Number of resting orders.
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// True when nothing rests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cfg(test)]
    pub(crate) fn verify(&self) {
        self.queues.verify();
        if let (Some(bid), Some(ask)) = (self.best_price(Side::Buy), self.best_price(Side::Sell)) {
            assert!(bid < ask, "the book is crossed at rest");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every resting order in one list, in order of arrival: slow and obvious.
    #[derive(Default)]
    struct Model(Vec<NewOrder>);

    impl Model {
        fn best(&self, taker: &NewOrder) -> Option<usize> {
            let ok = |o: &NewOrder| match (taker.kind, taker.side) {
                (OrderKind::Market, _) => true,
                (_, Side::Buy) => o.price <= taker.price,
                (_, Side::Sell) => o.price >= taker.price,
            };
            let candidates =
                self.0.iter().enumerate().filter(|(_, o)| o.side != taker.side && ok(o));
            candidates.min_by_key(|(_, o)| o.side.key(o.price)).map(|(at, _)| at)
        }

        fn submit(&mut self, mut order: NewOrder) -> Vec<(u64, i64, i64)> {
            let mut fills = Vec::new();
            let invalid = order.quantity <= 0 || self.0.iter().any(|o| o.id == order.id);
            if invalid || order.post_only && self.best(&order).is_some() {
                return fills;
            }
            let before = self.0.clone();
            while order.quantity > 0 {
                let Some(at) = self.best(&order) else { break };
                let quantity = order.quantity.min(self.0[at].quantity);
                fills.push((self.0[at].id, self.0[at].price, quantity));
                order.quantity -= quantity;
                self.0[at].quantity -= quantity;
                if self.0[at].quantity == 0 {
                    self.0.remove(at);
                }
            }
            if order.quantity > 0 && order.time_in_force == TimeInForce::Fok {
                self.0 = before;
                return Vec::new();
            }
            let rests = order.kind == OrderKind::Limit && order.time_in_force == TimeInForce::Gtc;
            if order.quantity > 0 && rests {
                self.0.push(order);
            }
            fills
        }
    }

    prop_compose! {
        fn any_order()(
            id in 0..60_u64, buy: bool, market in prop::bool::weighted(0.2), price in -5..5_i64,
            quantity in 0..9_i64, tif in 0..4_u8, post_only in prop::bool::weighted(0.1),
        ) -> NewOrder {
            let time_in_force = [TimeInForce::Ioc, TimeInForce::Fok].get(usize::from(tif)).copied();
            NewOrder {
                id, participant: id % 3, side: if buy { Side::Buy } else { Side::Sell },
                kind: if market { OrderKind::Market } else { OrderKind::Limit },
                price, quantity, time_in_force: time_in_force.unwrap_or(TimeInForce::Gtc), post_only,
            }
        }
    }

    proptest! {
        #[test]
        fn fills_are_those_of_an_obvious_list(
            ops in prop::collection::vec((0..4_u8, any_order()), 0..250)
        ) {
            let (mut engine, mut model) = (MatchingEngine::new(), Model::default());
            for (op, order) in ops {
                if op == 0 {
                    let at = model.0.iter().position(|o| o.id == order.id);
                    let expected = at.map(|at| model.0.remove(at).quantity);
                    prop_assert_eq!(engine.cancel(order.id), expected);
                } else {
                    let mut fills = Vec::new();
                    engine.submit(&order, &mut fills);
                    let got: Vec<_> = fills.iter().map(|f| (f.maker_id, f.price, f.quantity)).collect();
                    prop_assert_eq!(got, model.submit(order));
                }
                engine.verify();
                prop_assert_eq!(engine.len(), model.0.len());
            }
        }
    }
}
