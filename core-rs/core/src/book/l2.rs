//! The book by price: one quantity for each price level.

use crate::Side;
use crate::ladder::Ladder;

/// Price to quantity, in ticks and lots.
#[derive(Clone, Debug)]
pub struct L2Book {
    sides: [Ladder<i64>; 2],
    sequence: u64,
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
        Self { sides: [Ladder::new(), Ladder::new()], sequence: 0, ignored: 0 }
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
        self.sequence = sequence;
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

    /// Sequence number of the last snapshot or sequenced update.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How many updates were ignored because their quantity was negative.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }
}
