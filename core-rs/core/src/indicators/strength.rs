//! Relative strength.

use super::Indicator;

/// Wilder's relative strength index, 0 to 100; a flat series gives 0 as in TA-Lib.
#[derive(Clone, Debug)]
pub struct Rsi {
    period: usize,
    count: usize,
    previous: f64,
    gain: f64,
    loss: f64,
}

impl Rsi {
    /// An index over `period` changes (at least two).
    pub fn new(period: usize) -> Self {
        Self { period: period.max(2), count: 0, previous: f64::NAN, gain: 0.0, loss: 0.0 }
    }

    fn output(&self) -> f64 {
        let total = self.gain + self.loss;
        if total == 0.0 { 0.0 } else { 100.0 * (self.gain / total) }
    }
}

impl Indicator for Rsi {
    type Input = f64;

    #[inline]
    fn update(&mut self, value: f64) -> f64 {
        let change = value - self.previous;
        let first = self.previous.is_nan() && self.count == 0;
        self.previous = value;
        if first {
            return f64::NAN;
        }
        let (up, down) = (change.max(0.0), (-change).max(0.0));
        let n = self.period as f64;
        self.count += 1;
        if self.count > self.period {
            self.gain = (self.gain * (n - 1.0) + up) / n;
            self.loss = (self.loss * (n - 1.0) + down) / n;
            return self.output();
        }
        self.gain += up;
        self.loss += down;
        if self.count < self.period {
            return f64::NAN;
        }
        self.gain /= n;
        self.loss /= n;
        self.output()
    }

    fn warm_up(&self) -> usize {
        self.period + 1
    }

    fn reset(&mut self) {
        *self = Self::new(self.period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_loss_after_only_gains_moves_the_index() {
        let mut rsi = Rsi::new(5);
        let got: Vec<f64> = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.5].map(|x| rsi.update(x)).to_vec();
        assert_eq!(got[5], 100.0);
        assert!((got[6] - 100.0 * 0.8 / 0.9).abs() < 1e-12);
    }

    #[test]
    fn a_flat_series_gives_zero() {
        let mut rsi = Rsi::new(3);
        assert_eq!([5.0; 6].map(|x| rsi.update(x))[5], 0.0);
    }
}
