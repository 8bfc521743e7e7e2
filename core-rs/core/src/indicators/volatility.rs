//! True range.

use super::scan::{larger, recur_from, smaller};
use super::window::Smoother;
use super::{BadParameter, Indicator, period_from};

/// Range of a bar that counts the gap from the close before.
#[inline]
pub(super) fn true_range(high: f64, low: f64, previous_close: f64) -> f64 {
    larger(high, previous_close) - smaller(low, previous_close)
}

/// Wilder's average true range; the first true range needs a previous close.
#[derive(Clone, Debug)]
pub struct Atr {
    previous_close: f64,
    smoother: Smoother,
}

impl Atr {
    /// An average over `period` true ranges.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let smoother = Smoother::wilder(period_from(1, "period", period)?);
        Ok(Self { previous_close: f64::NAN, smoother })
    }
}

impl Indicator<3, 1> for Atr {
    #[inline]
    fn update(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let previous = std::mem::replace(&mut self.previous_close, close);
        if previous.is_nan() {
            return [f64::NAN];
        }
        [self.smoother.push(true_range(high, low, previous))]
    }

    fn warm_up(&self) -> usize {
        self.smoother.period + 1
    }

    fn batch(mut self, [high, low, close]: [&[f64]; 3], [output]: [&mut [f64]; 1]) {
        let seeded = self.warm_up().min(close.len());
        for row in 0..seeded {
            [output[row]] = self.update([high[row], low[row], close[row]]);
        }
        let weight = self.smoother.weight;
        let mut state = self.smoother.value();
        let rows = close.len() - seeded;
        let (high, low) = (&high[seeded..][..rows], &low[seeded..][..rows]);
        let previous = &close[seeded.saturating_sub(1)..][..rows];
        let range = |at: usize| true_range(high[at], low[at], previous[at]);
        recur_from(1.0 - weight, weight, &mut state, range, &mut output[seeded..]);
    }
}
