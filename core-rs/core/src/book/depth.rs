//! What a quantity would cost, read from levels.

/// What an order for a quantity would meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// How much of the quantity is there.
    pub filled: i64,
    /// Sum of price times quantity; divided by `filled` it is the average price.
    pub notional: i128,
    /// Price of the last level that is needed.
    pub worst_price: Option<i64>,
}

/// Walks (price, quantity) levels from the best on until the quantity is there.
pub fn sweep(levels: impl Iterator<Item = (i64, i64)>, quantity: i64) -> Sweep {
    let mut result = Sweep { filled: 0, notional: 0, worst_price: None };
    for (price, available) in levels {
        if result.filled >= quantity {
            break;
        }
        let taken = available.min(quantity - result.filled);
        result.filled += taken;
        result.notional += i128::from(price) * i128::from(taken);
        result.worst_price = Some(price);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b14_average_and_worst_price_on_several_levels_and_on_none() {
        let levels = [(101, 5), (102, 5), (110, 100)];
        let result = sweep(levels.into_iter(), 7);
        assert_eq!(result, Sweep { filled: 7, notional: 505 + 204, worst_price: Some(102) });
        assert_eq!(sweep(levels.into_iter(), 1000).filled, 110);
        let nothing = Sweep { filled: 0, notional: 0, worst_price: None };
        assert_eq!(sweep([].into_iter(), 7), nothing);
        assert_eq!(sweep(levels.into_iter(), 0), nothing);
    }
}
