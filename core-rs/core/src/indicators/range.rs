//! Indicators of the range of bars.

use super::Indicator;

/// High, low and close of a bar.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
}

/// Wilder's average true range; the first true range needs a previous close.
#[derive(Clone, Debug)]
pub struct Atr {
    period: usize,
    count: usize,
    previous_close: f64,
    value: f64,
}

impl Atr {
    /// An average over `period` true ranges (at least one).
    pub fn new(period: usize) -> Self {
        Self { period: period.max(1), count: 0, previous_close: f64::NAN, value: 0.0 }
    }
}

impl Indicator for Atr {
    type Input = Bar;

    #[inline]
    fn update(&mut self, bar: Bar) -> f64 {
        let previous = std::mem::replace(&mut self.previous_close, bar.close);
        if previous.is_nan() && self.count == 0 {
            return f64::NAN;
        }
        let range = bar.high.max(previous) - bar.low.min(previous);
        let n = self.period as f64;
        self.count += 1;
        if self.count > self.period {
            self.value = (self.value * (n - 1.0) + range) / n;
            return self.value;
        }
        self.value += range;
        if self.count < self.period {
            return f64::NAN;
        }
        self.value /= n;
        self.value
    }

    fn warm_up(&self) -> usize {
        self.period + 1
    }

    fn reset(&mut self) {
        *self = Self::new(self.period);
    }
}
