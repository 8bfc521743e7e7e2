//! Sides of the market. Both sides are stored as keys whose smallest is the best price, so the
//! books have one code path instead of two mirrored ones.

/// Which side of the market an order or a level is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// Bids: the highest price is best.
    Buy = 0,
    /// Asks: the lowest price is best.
    Sell = 1,
}

impl Side {
    /// The side with this wire number (0 buy, 1 sell).
    pub const fn from_index(index: u8) -> Option<Self> {
        match index {
            0 => Some(Self::Buy),
            1 => Some(Self::Sell),
            _ => None,
        }
    }

    /// The other side.
    #[inline]
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// Sort key of a price: smaller is better. Bitwise NOT mirrors bids without overflow.
    #[inline]
    pub const fn key(self, price: i64) -> i64 {
        price ^ (self as i64 - 1)
    }

    /// Price of a sort key; the inverse of [`Side::key`].
    #[inline]
    pub const fn price(self, key: i64) -> i64 {
        self.key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::Side;

    #[test]
    fn keys_order_best_price_first_on_both_sides_even_at_the_extremes() {
        let prices = [i64::MIN, -1, 0, 1, i64::MAX];
        for pair in prices.windows(2) {
            assert!(Side::Sell.key(pair[0]) < Side::Sell.key(pair[1]));
            assert!(Side::Buy.key(pair[0]) > Side::Buy.key(pair[1]));
        }
        for side in [Side::Buy, Side::Sell] {
            assert!(prices.iter().all(|&p| side.price(side.key(p)) == p));
        }
    }
}
