//! The book by order: every resting order in price-time priority.
//!
//! A size decrease keeps its place in the queue; an increase or a price change goes to the back.
//! The feed is the authority, so what cannot be right has one answer and is counted:
//! an add with a known id replaces the old order (no level can be left without an owner),
//! an update or delete of an unknown id changes nothing, and so does a size of zero or less in an
//! add or a negative one in an update. An update to zero deletes.

use super::queues::{Node, OrderQueues};
use crate::Side;

/// How often each kind of impossible input was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anomalies {
    /// Adds with an id that was resting already.
    pub duplicate_adds: u64,
    /// Updates and deletes of ids that are not in the book.
    pub unknown_orders: u64,
    /// Sizes that are zero or negative where they cannot be, or overflow a level's total.
    pub bad_quantities: u64,
}

/// Order id to resting order, in ticks and lots.
#[derive(Clone, Debug)]
pub struct L3Book {
    queues: OrderQueues,
    anomalies: Anomalies,
}

impl Default for L3Book {
    fn default() -> Self {
        Self::new()
    }
}

impl L3Book {
    /// An empty book.
    pub fn new() -> Self {
        Self { queues: OrderQueues::new(), anomalies: Anomalies::default() }
    }

    /// Puts a new order at the back of its price level.
    #[inline]
    pub fn add(&mut self, id: u64, side: Side, price: i64, quantity: i64) {
        if quantity <= 0 {
            self.anomalies.bad_quantities += 1;
            return;
        }
        if let Some(slot) = self.queues.find(id) {
            self.anomalies.duplicate_adds += 1;
            self.queues.remove(slot);
        }
        self.insert(Node::new(id, 0, side, price, quantity));
    }

    fn insert(&mut self, node: Node) {
        if self.queues.insert(node).is_err() {
            self.anomalies.bad_quantities += 1;
        }
    }

    /// Sets price and size of an order.
    #[inline]
    pub fn update(&mut self, id: u64, price: i64, quantity: i64) {
        let Some(slot) = self.queues.find(id) else {
            self.anomalies.unknown_orders += 1;
            return;
        };
        if quantity < 0 {
            self.anomalies.bad_quantities += 1;
            return;
        }
        let node = *self.queues.node(slot);
        if quantity == 0 {
            self.queues.remove(slot);
        } else if price == node.price() && quantity <= node.quantity {
            self.queues.reduce(slot, node.quantity - quantity);
        } else {
            self.queues.remove(slot);
            self.insert(Node::new(id, 0, node.side, price, quantity));
        }
    }

    /// Removes an order.
    #[inline]
    pub fn delete(&mut self, id: u64) {
        match self.queues.find(id) {
            Some(slot) => {
                self.queues.remove(slot);
            }
            None => self.anomalies.unknown_orders += 1,
        }
    }

    /// Removes every order.
    pub fn clear(&mut self) {
        self.queues.clear();
    }

    /// Number of resting orders.
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// True when nothing rests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Best price of a side.
    #[inline]
    pub fn best_price(&self, side: Side) -> Option<i64> {
        self.queues.best_price(side)
    }

    /// Best price of a side, the level's whole quantity and its number of orders.
    pub fn best(&self, side: Side) -> Option<(i64, i64, u32)> {
        self.levels(side).next()
    }

    /// Levels of a side from the best on: price, quantity, number of orders.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (i64, i64, u32)> {
        self.queues
            .levels(side)
            .map(move |(key, level)| (side.price(key), level.total, level.count))
    }

    /// Number of levels of a side.
    pub fn level_count(&self, side: Side) -> usize {
        self.queues.level_count(side)
    }

    /// Side, price and size of an order.
    pub fn order(&self, id: u64) -> Option<(Side, i64, i64)> {
        let node = self.queues.node(self.queues.find(id)?);
        Some((node.side, node.price(), node.quantity))
    }

    /// Quantity ahead of an order in its level, and the number of orders that make it.
    pub fn queue_ahead(&self, id: u64) -> Option<(i64, u32)> {
        self.queues.ahead_of(id)
    }

    /// Ids of a level in the order in which they would be filled.
    pub fn queue(&self, side: Side, price: i64) -> impl Iterator<Item = u64> {
        self.queues.queue(side, side.key(price)).map(|(_, node)| node.id)
    }

    /// True when the best bid is above the best ask.
    pub fn is_crossed(&self) -> bool {
        self.touch().is_some_and(|(bid, ask)| bid > ask)
    }

    /// True when the best bid equals the best ask.
    pub fn is_locked(&self) -> bool {
        self.touch().is_some_and(|(bid, ask)| bid == ask)
    }

    fn touch(&self) -> Option<(i64, i64)> {
        self.best_price(Side::Buy).zip(self.best_price(Side::Sell))
    }

    /// Counters of impossible input.
    pub fn anomalies(&self) -> Anomalies {
        self.anomalies
    }

    #[cfg(test)]
    pub(crate) fn verify(&self) {
        self.queues.verify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every order in one list, in order of arrival: slow and obvious.
    #[derive(Default)]
    struct Model(Vec<(u64, Side, i64, i64)>);

    impl Model {
        fn add(&mut self, id: u64, side: Side, price: i64, quantity: i64) {
            if quantity > 0 {
                self.0.retain(|order| order.0 != id);
                self.0.push((id, side, price, quantity));
            }
        }

        fn update(&mut self, id: u64, price: i64, quantity: i64) {
            let Some(at) = self.0.iter().position(|order| order.0 == id) else { return };
            let (_, side, old_price, old_quantity) = self.0[at];
            if quantity < 0 {
            } else if price == old_price && quantity <= old_quantity && quantity > 0 {
                self.0[at].3 = quantity;
            } else {
                self.0.remove(at);
                self.add(id, side, price, quantity);
            }
        }

        fn queue(&self, side: Side, price: i64) -> Vec<u64> {
            self.0.iter().filter(|o| o.1 == side && o.2 == price).map(|o| o.0).collect()
        }

        fn best(&self, side: Side) -> Option<i64> {
            self.0
                .iter()
                .filter(|o| o.1 == side)
                .map(|o| side.key(o.2))
                .min()
                .map(|k| side.price(k))
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_list_of_orders(
            ops in prop::collection::vec((0..5_u8, 0..30_u64, 0..2_u8, -4..4_i64, -2..9_i64), 0..300)
        ) {
            let (mut book, mut model) = (L3Book::new(), Model::default());
            for (op, id, side, price, quantity) in ops {
                let side = Side::from_index(side).unwrap();
                match op {
                    0..=2 => { book.add(id, side, price, quantity); model.add(id, side, price, quantity); }
                    3 => { book.update(id, price, quantity); model.update(id, price, quantity); }
                    _ => { book.delete(id); model.0.retain(|order| order.0 != id); }
                }
                book.verify();
                for side in [Side::Buy, Side::Sell] {
                    prop_assert_eq!(book.best_price(side), model.best(side));
                    for price in -4..4 {
                        prop_assert_eq!(book.queue(side, price).collect::<Vec<_>>(), model.queue(side, price));
                    }
                }
            }
            prop_assert_eq!(book.len(), model.0.len());
        }
    }
}
