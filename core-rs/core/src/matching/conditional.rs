//! Stops, stop-limits and trailing stops. They start when a trade happens at their stop price or
//! beyond: buys from the lowest stop up, sells from the highest down, first come first served at
//! one price.

use std::collections::BTreeMap;

use super::engine::MatchingEngine;
use super::order::{
    EventKind, Fill, NewOrder, OrderKind, Outcome, Phase, Reason, Status, TimeInForce,
};
use crate::Side;

/// A waiting order.
#[derive(Clone, Debug)]
struct Waiting {
    order: NewOrder,
    arrival: u64,
    /// Trigger price; none for a trailing stop that does not follow yet.
    stop_price: Option<i64>,
}

/// All waiting orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditionals {
    waiting: BTreeMap<u64, Waiting>,
    /// For each side of orders: key of the stop price (smallest triggers first) and arrival.
    triggers: [BTreeMap<(i64, u64), u64>; 2],
    /// Trailing stops in order of arrival.
    trailing: BTreeMap<u64, u64>,
    arrivals: u64,
}

/// Key under which a stop of this side triggers first when smallest: a buy stop starts at prices
/// from its own upwards, a sell stop downwards.
fn trigger_key(side: Side, stop_price: i64) -> i64 {
    side.opposite().key(stop_price)
}

impl Conditionals {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        self.waiting.contains_key(&id)
    }

    pub(super) fn quantity(&self, id: u64) -> Option<i64> {
        self.waiting.get(&id).map(|waiting| waiting.order.quantity)
    }

    pub(super) fn ids(&self, wanted: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut waiting: Vec<&Waiting> =
            self.waiting.values().filter(|w| wanted(w.order.participant)).collect();
        waiting.sort_by_key(|w| w.arrival);
        waiting.iter().map(|w| w.order.id).collect()
    }

    fn insert(&mut self, order: NewOrder, stop_price: Option<i64>) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        if order.kind == OrderKind::TrailingStop {
            self.trailing.insert(arrival, order.id);
        }
        if let Some(price) = stop_price {
            let key = (trigger_key(order.side, price), arrival);
            self.triggers[order.side as usize].insert(key, order.id);
        }
        self.waiting.insert(order.id, Waiting { order, arrival, stop_price });
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<NewOrder> {
        let Waiting { order, arrival, stop_price } = self.waiting.remove(&id)?;
        if let Some(price) = stop_price {
            let key = (trigger_key(order.side, price), arrival);
            self.triggers[order.side as usize].remove(&key);
        }
        self.trailing.remove(&arrival);
        Some(order)
    }

    pub(super) fn reduce(&mut self, id: u64, by: i64) -> Option<i64> {
        let order = &mut self.waiting.get_mut(&id)?.order;
        order.quantity = (order.quantity - by).max(0);
        Some(order.quantity)
    }

    /// The first order that a trade at this price starts.
    fn triggered_by(&self, price: i64) -> Option<u64> {
        [Side::Buy, Side::Sell].into_iter().find_map(|side| {
            let (&(key, _), &id) = self.triggers[side as usize].first_key_value()?;
            (key <= trigger_key(side, price)).then_some(id)
        })
    }

    /// Lets trailing stops follow a trade; gives those that began to follow.
    fn follow(&mut self, price: i64) -> Vec<(u64, i64)> {
        let mut activated = Vec::new();
        let ids: Vec<u64> = self.trailing.values().copied().collect();
        for id in ids {
            let Some(waiting) = self.waiting.get_mut(&id) else { continue };
            let terms = waiting.order.terms_or_default();
            let side = waiting.order.side;
            let offset = terms.trail_offset.unwrap_or(0);
            let stop_price = match side {
                Side::Buy => price.saturating_add(offset),
                Side::Sell => price.saturating_sub(offset),
            };
            let better = match waiting.stop_price {
                // A buy stop only comes down, a sell stop only goes up.
                Some(old) => trigger_key(side, stop_price) < trigger_key(side, old),
                None => terms.activation_price.is_none_or(|activation| match side {
                    Side::Buy => price <= activation,
                    Side::Sell => price >= activation,
                }),
            };
            if !better {
                continue;
            }
            let arrival = waiting.arrival;
            let old = waiting.stop_price.replace(stop_price);
            if old.is_none() {
                activated.push((id, waiting.order.quantity));
            }
            let triggers = &mut self.triggers[side as usize];
            if let Some(old) = old {
                triggers.remove(&(trigger_key(side, old), arrival));
            }
            triggers.insert((trigger_key(side, stop_price), arrival), id);
        }
        activated
    }
}

/// Most parts that an iceberg may be shown in: each is a trade of its own when a large order comes.
const ICEBERG_PARTS_MAX: i64 = 1_000;

/// True when the parts of an iceberg are neither empty nor too many.
pub(super) fn parts_are_bounded(quantity: i64, shown: i64) -> bool {
    shown > 0 && quantity / shown <= ICEBERG_PARTS_MAX
}

impl MatchingEngine {
    /// Whether the kind has the terms it needs.
    pub(super) fn terms_make_sense(order: &NewOrder) -> bool {
        let terms = order.terms_or_default();
        let triggers = match order.kind {
            OrderKind::Limit | OrderKind::Market => true,
            OrderKind::Stop | OrderKind::StopLimit => terms.stop_price.is_some(),
            OrderKind::TrailingStop => terms.trail_offset.is_some_and(|offset| offset > 0),
        };
        let expires = order.time_in_force != TimeInForce::Gtd || terms.expire_at.is_some();
        let displays = terms.display_quantity.is_none_or(|shown| {
            parts_are_bounded(order.quantity, shown)
                && order.kind.triggered() == OrderKind::Limit
                && order.time_in_force.rests()
        });
        triggers && expires && displays
    }

    /// Keeps a conditional order until its trigger; one that the last trade triggers already
    /// starts in the cascade of this call.
    pub(super) fn wait(&mut self, order: &NewOrder) -> Outcome {
        let stop_price = order.terms_or_default().stop_price;
        let stop_price = stop_price.filter(|_| order.kind != OrderKind::TrailingStop);
        self.conditionals.insert(*order, stop_price);
        if let Some(price) = self.last_price {
            self.follow(price);
        }
        Outcome { status: Status::Pending, remaining: order.quantity, reason: None }
    }

    fn follow(&mut self, price: i64) {
        for (id, quantity) in self.conditionals.follow(price) {
            self.note(EventKind::Activated, id, quantity);
        }
    }

    /// Starts everything that trades since `from` triggered, and everything that those trades
    /// trigger, and releases orders whose parents are done. Returns whether anything happened.
    #[inline]
    pub(super) fn cascade(&mut self, fills: &mut Vec<Fill>, from: usize) -> bool {
        if let Some(fill) = fills[from..].last() {
            self.last_price = Some(fill.price);
        }
        if self.conditionals.is_empty() && self.released.is_empty() {
            return false;
        }
        self.cascade_slow(fills, from)
    }

    #[cold]
    fn cascade_slow(&mut self, fills: &mut Vec<Fill>, from: usize) -> bool {
        if self.phase != Phase::Continuous {
            return false;
        }
        let mut seen = from;
        let mut any = false;
        // The last trade counts for orders that came after it.
        if seen == fills.len()
            && let Some(price) = self.last_price
        {
            any |= self.start_triggered(price, fills);
        }
        loop {
            if seen < fills.len() {
                let price = fills[seen].price;
                seen += 1;
                self.follow(price);
                any |= self.start_triggered(price, fills);
            } else if let Some(held) = self.released.pop_front() {
                any = true;
                self.release(held, fills);
            } else {
                break;
            }
        }
        if let Some(fill) = fills[from..].last() {
            self.last_price = Some(fill.price);
        }
        any
    }

    fn start_triggered(&mut self, price: i64, fills: &mut Vec<Fill>) -> bool {
        let mut any = false;
        while let Some(id) = self.conditionals.triggered_by(price) {
            any = true;
            let Some(order) = self.conditionals.remove(id) else { break };
            self.note(EventKind::Triggered, id, order.quantity);
            let order = NewOrder { kind: order.kind.triggered(), ..order };
            let outcome = self.execute(&order, fills);
            if let Some(reason) = outcome.reason {
                self.note(EventKind::Canceled(reason), id, outcome.remaining);
            }
        }
        any
    }

    /// Changes limit price and quantity of an order that still waits for its trigger.
    pub(super) fn amend_waiting(&mut self, id: u64, price: i64, quantity: i64) -> Outcome {
        let Some(waiting) = self.conditionals.waiting.get_mut(&id) else {
            return Outcome::rejected(quantity, Reason::UnknownOrder);
        };
        if quantity <= 0 {
            return Outcome::rejected(waiting.order.quantity, Reason::InvalidQuantity);
        }
        let shown = waiting.order.terms_or_default().display_quantity;
        if shown.is_some_and(|shown| !parts_are_bounded(quantity, shown)) {
            return Outcome::rejected(waiting.order.quantity, Reason::InvalidTerms);
        }
        waiting.order.price = price;
        waiting.order.quantity = quantity;
        Outcome { status: Status::Pending, remaining: quantity, reason: None }
    }

    /// Current trigger price of a waiting order; none when it is unknown or not following yet.
    pub fn stop_price(&self, id: u64) -> Option<i64> {
        self.conditionals.waiting.get(&id)?.stop_price
    }
}
