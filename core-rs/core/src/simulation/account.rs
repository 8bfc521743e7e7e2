//! Money in units of 1e-8 tick·lot: a fee rate times a notional is a whole number of them, so
//! every sum is exact. Callers multiply by tick size, lot size and 1e-8 to get currency.

use crate::Side;
use crate::matching::FeeSchedule;

/// Units of account in one tick·lot.
pub const E8: i128 = 100_000_000;

/// What a trade costs beside its price.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    /// Rates of maker and taker.
    pub fees: FeeSchedule,
    /// Fees are rounded half up to a multiple of this many units; 0 and 1 leave them exact.
    pub fee_step: i64,
    /// Ticks by which a taker's price is worse.
    pub slippage_ticks: i64,
}

impl Costs {
    /// Fee of one fill, in units of account.
    #[inline]
    pub fn fee(&self, price: i64, quantity: i64, is_maker: bool) -> i128 {
        let fee = self.fees.fee_e8(price, quantity, is_maker);
        let step = i128::from(self.fee_step);
        if step <= 1 { fee } else { (fee + step / 2).div_euclid(step) * step }
    }

    /// A taker's price after slippage.
    #[inline]
    pub fn slipped(&self, side: Side, price: i64) -> i64 {
        match side {
            Side::Buy => price.saturating_add(self.slippage_ticks),
            Side::Sell => price.saturating_sub(self.slippage_ticks),
        }
    }
}

/// Cash and fees of an account; positions are the caller's, one for each instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Cash in units of account.
    pub cash: i128,
    /// Fees paid so far, in units of account.
    pub fees: i128,
}

impl Account {
    /// Books one fill and returns its fee.
    #[inline]
    pub fn book(&mut self, side: Side, price: i64, quantity: i64, fee: i128) {
        let notional = i128::from(price) * i128::from(quantity) * E8;
        self.cash += if side == Side::Buy { -notional } else { notional };
        self.cash -= fee;
        self.fees += fee;
    }

    /// Cash and what a position is worth at a price.
    #[inline]
    pub fn equity(&self, position: i64, price: i64) -> i128 {
        self.cash + i128::from(position) * i128::from(price) * E8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_rounded_half_up_once_a_fill() {
        let fees = FeeSchedule { maker_rate_e8: 0, taker_rate_e8: 15 };
        let costs = Costs { fees, fee_step: 10, slippage_ticks: 2 };
        assert_eq!(costs.fee(3, 1, false), 50);
        assert_eq!(costs.fee(2, 1, false), 30);
        assert_eq!(costs.fee(3, 1, true), 0);
        assert_eq!((costs.slipped(Side::Buy, 10), costs.slipped(Side::Sell, 10)), (12, 8));
    }

    #[test]
    fn a_round_trip_leaves_the_profit_less_fees() {
        let mut account = Account::default();
        account.book(Side::Buy, 100, 3, 5);
        assert_eq!(account.equity(3, 100), -5);
        account.book(Side::Sell, 110, 3, 5);
        assert_eq!((account.cash, account.fees), (30 * E8 - 10, 10));
    }
}
