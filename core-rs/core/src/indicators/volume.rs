//! Money flow and volume-weighted prices.

use super::window::RollingSum;
use super::{BadParameter, Indicator, period_from};

#[inline]
fn typical(high: f64, low: f64, close: f64) -> f64 {
    (high + low + close) * (1.0 / 3.0)
}

#[inline]
fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator == 0.0 { 0.0 } else { numerator / denominator }
}

/// On-balance volume: starts with the first volume.
#[derive(Clone, Debug, Default)]
pub struct Obv {
    previous: Option<f64>,
    total: f64,
}

impl Obv {
    /// Without parameters.
    pub fn new() -> Result<Self, BadParameter> {
        Ok(Self::default())
    }
}

impl Indicator<2, 1> for Obv {
    #[inline]
    fn update(&mut self, [close, volume]: [f64; 2]) -> [f64; 1] {
        let previous = self.previous.replace(close);
        match previous {
            Some(previous) if close < previous => self.total -= volume,
            Some(previous) if close == previous => {}
            _ => self.total += volume,
        }
        [self.total]
    }

    fn warm_up(&self) -> usize {
        1
    }
}

/// Money flow index, 0 to 100; 0 when next to nothing flowed, as in TA-Lib.
#[derive(Clone, Debug)]
pub struct Mfi {
    previous: f64,
    positive: RollingSum,
    negative: RollingSum,
}

impl Mfi {
    /// An index over `period` bars (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let flow = RollingSum::new(period_from(2, "period", period)?);
        Ok(Self { previous: f64::NAN, positive: flow.clone(), negative: flow })
    }
}

impl Indicator<4, 1> for Mfi {
    #[inline]
    fn update(&mut self, [high, low, close, volume]: [f64; 4]) -> [f64; 1] {
        let price = typical(high, low, close);
        let previous = std::mem::replace(&mut self.previous, price);
        if previous.is_nan() {
            return [f64::NAN];
        }
        let flow = price * volume;
        let up = self.positive.push(if price > previous { flow } else { 0.0 });
        let down = self.negative.push(if price < previous { flow } else { 0.0 });
        let total = up + down;
        [if total < 1.0 { 0.0 } else { 100.0 * (up / total) }]
    }

    fn warm_up(&self) -> usize {
        self.positive.period() + 1
    }
}

/// Volume-weighted average price since the start of the session, of the typical price; 0 while
/// nothing has traded. A new session starts with a fresh one.
#[derive(Clone, Debug, Default)]
pub struct Vwap {
    notional: f64,
    volume: f64,
}

impl Vwap {
    /// Without parameters.
    pub fn new() -> Result<Self, BadParameter> {
        Ok(Self::default())
    }
}

impl Indicator<4, 1> for Vwap {
    #[inline]
    fn update(&mut self, [high, low, close, volume]: [f64; 4]) -> [f64; 1] {
        self.notional += typical(high, low, close) * volume;
        self.volume += volume;
        [ratio(self.notional, self.volume)]
    }

    fn warm_up(&self) -> usize {
        1
    }

    fn batch(mut self, [high, low, close, volume]: [&[f64]; 4], [output]: [&mut [f64]; 1]) {
        let bars = high.iter().zip(low).zip(close.iter().zip(volume));
        for (out, ((&high, &low), (&close, &volume))) in output.iter_mut().zip(bars) {
            [*out] = self.update([high, low, close, volume]);
        }
    }
}

/// Volume-weighted average of the typical price over the last `period` bars.
#[derive(Clone, Debug)]
pub struct RollingVwap {
    notional: RollingSum,
    volume: RollingSum,
}

impl RollingVwap {
    /// An average over `period` bars.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let sum = RollingSum::new(period_from(1, "period", period)?);
        Ok(Self { notional: sum.clone(), volume: sum })
    }
}

impl Indicator<4, 1> for RollingVwap {
    #[inline]
    fn update(&mut self, [high, low, close, volume]: [f64; 4]) -> [f64; 1] {
        let notional = self.notional.push(typical(high, low, close) * volume);
        [ratio(notional, self.volume.push(volume))]
    }

    fn warm_up(&self) -> usize {
        self.volume.period()
    }
}
