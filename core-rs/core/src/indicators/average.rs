//! Moving averages.

use super::Indicator;
use super::window::RollingSum;

/// Simple moving average of the last `period` values.
#[derive(Clone, Debug)]
pub struct Sma {
    window: RollingSum,
    started: bool,
}

impl Sma {
    /// An average over `period` values (at least one).
    pub fn new(period: usize) -> Self {
        Self { window: RollingSum::new(period), started: false }
    }
}

impl Indicator for Sma {
    type Input = f64;

    #[inline]
    fn update(&mut self, value: f64) -> f64 {
        if !self.started && value.is_nan() {
            return f64::NAN;
        }
        self.started = true;
        self.window.push(value) / self.window.period() as f64
    }

    fn warm_up(&self) -> usize {
        self.window.period()
    }

    fn reset(&mut self) {
        *self = Self::new(self.window.period());
    }
}

/// Exponential moving average with weight `2 / (period + 1)`, seeded by a simple average.
#[derive(Clone, Debug)]
pub struct Ema {
    period: usize,
    weight: f64,
    count: usize,
    value: f64,
}

impl Ema {
    /// An average with the weight of `period` values (at least one).
    pub fn new(period: usize) -> Self {
        let period = period.max(1);
        Self { period, weight: 2.0 / (period as f64 + 1.0), count: 0, value: 0.0 }
    }
}

impl Indicator for Ema {
    type Input = f64;

    #[inline]
    fn update(&mut self, value: f64) -> f64 {
        if self.count >= self.period {
            self.value += self.weight * (value - self.value);
            return self.value;
        }
        if self.count == 0 && value.is_nan() {
            return f64::NAN;
        }
        self.value += value;
        self.count += 1;
        if self.count < self.period {
            return f64::NAN;
        }
        self.value /= self.period as f64;
        self.value
    }

    fn warm_up(&self) -> usize {
        self.period
    }

    fn reset(&mut self) {
        *self = Self::new(self.period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simple_average_starts_with_its_period_and_forgets_what_left() {
        let mut sma = Sma::new(3);
        let got: Vec<f64> = [f64::NAN, 1.0, 2.0, 3.0, 7.0].map(|x| sma.update(x)).to_vec();
        assert!(got[..3].iter().all(|x| x.is_nan()));
        assert_eq!(got[3..], [2.0, 4.0]);
    }

    #[test]
    fn an_exponential_average_starts_with_the_mean_of_its_period() {
        let mut ema = Ema::new(3);
        let got: Vec<f64> = [1.0, 2.0, 3.0, 4.0].map(|x| ema.update(x)).to_vec();
        assert_eq!(got[2..], [2.0, 3.0]);
    }
}
