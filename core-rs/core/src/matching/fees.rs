//! Commission by liquidity side.

/// Rates of maker and taker in units of 1e-8 of the notional; negative rates are rebates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeSchedule {
    /// Rate of the resting side.
    pub maker_rate_e8: i64,
    /// Rate of the incoming side.
    pub taker_rate_e8: i64,
}

impl FeeSchedule {
    /// Fee of one fill, exactly, in units of 1e-8 tick·lot; the account rounds it to money once.
    #[inline]
    pub fn fee_e8(self, price: i64, quantity: i64, is_maker: bool) -> i128 {
        let rate = if is_maker { self.maker_rate_e8 } else { self.taker_rate_e8 };
        // Two 64-bit factors fit; a third can pass 127 bits only with absurd rates.
        (i128::from(price) * i128::from(quantity)).abs().saturating_mul(i128::from(rate))
    }
}
