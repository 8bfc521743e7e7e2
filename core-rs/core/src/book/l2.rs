//! The book by price: one quantity for each price level.

use super::feed::{Admission, FeedGate};
use crate::Side;
use crate::ladder::Ladder;

/// One step of an exported snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The level, none for the step that clears the book.
    pub level: Option<(Side, i64, i64)>,
    /// True for the last step, so that a reader knows when the book is whole.
    pub is_last: bool,
}

/// Price to quantity, in ticks and lots.
#[derive(Clone, Debug)]
pub struct L2Book {
    sides: [Ladder<i64>; 2],
    gate: FeedGate,
    ignored: u64,
}

impl Default for L2Book {
    fn default() -> Self {
        Self::new()
    }
}

impl L2Book {
    /// An empty book.
    pub fn new() -> Self {
        Self::of(None)
    }

    /// An empty book of one instrument, which refuses messages of others.
    pub fn of(instrument: Option<u64>) -> Self {
        let gate = FeedGate::new(instrument);
        Self { sides: [Ladder::new(), Ladder::new()], gate, ignored: 0 }
    }

    /// Judges the next message of a sequenced feed; apply its updates only on
    /// [`Admission::Apply`].
    pub fn admit(&mut self, sequence: u64, instrument: Option<u64>) -> Admission {
        self.gate.admit(sequence, instrument)
    }

    /// State of the feed.
    pub fn gate(&self) -> &FeedGate {
        &self.gate
    }

    /// The whole book as steps from empty; the last one is flagged even when the book is empty.
    pub fn export(&self) -> Vec<Delta> {
        let mut steps = vec![Delta { level: None, is_last: false }];
        for side in [Side::Buy, Side::Sell] {
            let levels = self.levels(side);
            steps.extend(levels.map(|(price, quantity)| Delta {
                level: Some((side, price, quantity)),
                is_last: false,
            }));
        }
        if let Some(last) = steps.last_mut() {
            last.is_last = true;
        }
        steps
    }

    /// Sets the quantity of a level; zero deletes it. A negative quantity changes nothing and is
    /// counted in [`L2Book::ignored`]; deleting an unknown level is no concern.
    #[inline]
    pub fn update(&mut self, side: Side, price: i64, quantity: i64) {
        let key = side.key(price);
        let ladder = &mut self.sides[side as usize];
        if quantity > 0 {
            *ladder.level(key) = quantity;
        } else if quantity == 0 {
            ladder.remove(key);
        } else {
            self.ignored += 1;
        }
    }

    /// Replaces everything by the given levels. Later levels win over earlier ones at one price.
    pub fn snapshot(
        &mut self,
        bids: impl IntoIterator<Item = (i64, i64)>,
        asks: impl IntoIterator<Item = (i64, i64)>,
        sequence: u64,
    ) {
        self.clear();
        self.gate.snapshot(sequence);
        for (price, quantity) in bids {
            self.update(Side::Buy, price, quantity);
        }
        for (price, quantity) in asks {
            self.update(Side::Sell, price, quantity);
        }
    }

    /// Removes every level of both sides.
    pub fn clear(&mut self) {
        self.sides.iter_mut().for_each(Ladder::clear);
    }

    /// Removes every level of one side.
    pub fn clear_side(&mut self, side: Side) {
        self.sides[side as usize].clear();
    }

    /// Best price of a side.
    #[inline]
    pub fn best_price(&self, side: Side) -> Option<i64> {
        self.sides[side as usize].best().map(|key| side.price(key))
    }

    /// Best price of a side and its quantity.
    #[inline]
    pub fn best(&self, side: Side) -> Option<(i64, i64)> {
        let ladder = &self.sides[side as usize];
        let key = ladder.best()?;
        Some((side.price(key), ladder.get(key).copied().unwrap_or(0)))
    }

    /// Levels of a side from the best on: price and quantity.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (i64, i64)> {
        self.sides[side as usize].iter().map(move |(key, &quantity)| (side.price(key), quantity))
    }

    /// Number of levels of a side.
    pub fn level_count(&self, side: Side) -> usize {
        self.sides[side as usize].len()
    }

    /// Quantity at exactly this price, zero when there is no such level.
    pub fn quantity_at(&self, side: Side, price: i64) -> i64 {
        self.sides[side as usize].get(side.key(price)).copied().unwrap_or(0)
    }

    /// Quantity at this price and better.
    pub fn quantity_within(&self, side: Side, price: i64) -> i64 {
        let key = side.key(price);
        let levels = self.sides[side as usize].iter().take_while(|(k, _)| *k <= key);
        levels.fold(0, |sum: i64, (_, &quantity)| sum.saturating_add(quantity))
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

    /// How many updates were ignored because their quantity was negative.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_like_two_sorted_maps(
            ops in prop::collection::vec((0..2_u8, -30..30_i64, -1..6_i64), 0..400)
        ) {
            let mut book = L2Book::new();
            let mut model = [BTreeMap::new(), BTreeMap::new()];
            for (side, price, quantity) in ops {
                book.update(Side::from_index(side).unwrap(), price, quantity);
                let levels = &mut model[usize::from(side)];
                if quantity > 0 {
                    levels.insert(price, quantity);
                } else if quantity == 0 {
                    levels.remove(&price);
                }
                prop_assert_eq!(book.best_price(Side::Buy), model[0].keys().last().copied());
                prop_assert_eq!(book.best_price(Side::Sell), model[1].keys().next().copied());
            }
            let bids: Vec<_> = model[0].iter().rev().map(|(&p, &q)| (p, q)).collect();
            prop_assert_eq!(book.levels(Side::Buy).collect::<Vec<_>>(), bids);
        }
    }

    #[test]
    fn b15_quantity_at_a_level_differs_from_the_cumulative_one() {
        let mut book = L2Book::new();
        book.snapshot([(10, 1), (9, 2), (8, 4)], [], 1);
        assert_eq!((book.quantity_at(Side::Buy, 9), book.quantity_within(Side::Buy, 9)), (2, 3));
    }

    #[test]
    fn b16_an_export_flags_its_last_step_even_when_empty() {
        let mut book = L2Book::new();
        assert_eq!(book.export(), [Delta { level: None, is_last: true }]);
        book.update(Side::Sell, 5, 1);
        let flags: Vec<bool> = book.export().iter().map(|step| step.is_last).collect();
        assert_eq!(flags, [false, true]);
    }

    #[test]
    fn b10_one_side_or_both_can_be_cleared() {
        let mut book = L2Book::new();
        book.snapshot([(10, 1)], [(12, 1)], 1);
        book.clear_side(Side::Buy);
        assert_eq!((book.best_price(Side::Buy), book.best_price(Side::Sell)), (None, Some(12)));
        book.clear();
        assert_eq!(book.best_price(Side::Sell), None);
    }
}
