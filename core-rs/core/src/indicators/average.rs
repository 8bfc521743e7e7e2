//! Moving averages.

use super::scan::{recur, rolling_mean};
use super::window::{RESUM_EVERY, Ring, RollingSum, Smoother};
use super::{BadParameter, Indicator, chain, leading_nans, period_from};

/// Simple moving average of the last `period` values.
#[derive(Clone, Debug)]
pub struct Sma {
    window: RollingSum,
    started: bool,
}

impl Sma {
    /// An average over `period` values.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        Ok(Self { window: RollingSum::new(period_from(1, "period", period)?), started: false })
    }
}

impl Indicator<1, 1> for Sma {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 1] {
        if !self.started && value.is_nan() {
            return [f64::NAN];
        }
        self.started = true;
        [self.window.push(value) / self.window.period() as f64]
    }

    fn warm_up(&self) -> usize {
        self.window.period()
    }

    fn batch(self, [values]: [&[f64]; 1], [output]: [&mut [f64]; 1]) {
        let start = leading_nans(values);
        output[..start].fill(f64::NAN);
        rolling_mean(&values[start..], self.window.period(), &mut output[start..]);
    }
}

/// Exponential moving average with weight `2 / (period + 1)`, seeded by a simple average.
#[derive(Clone, Debug)]
pub struct Ema {
    smoother: Smoother,
    started: bool,
}

impl Ema {
    /// An average with the weight of `period` values.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let period = period_from(1, "period", period)?;
        Ok(Self { smoother: Smoother::exponential(period), started: false })
    }
}

impl Indicator<1, 1> for Ema {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 1] {
        if !self.started && value.is_nan() {
            return [f64::NAN];
        }
        self.started = true;
        [self.smoother.push(value)]
    }

    fn warm_up(&self) -> usize {
        self.smoother.period
    }

    fn batch(mut self, [values]: [&[f64]; 1], [output]: [&mut [f64]; 1]) {
        let seeded = (leading_nans(values) + self.smoother.period).min(values.len());
        for (value, out) in values[..seeded].iter().zip(output.iter_mut()) {
            [*out] = self.update([*value]);
        }
        if let Some(mut state) = output[..seeded].last().copied() {
            let weight = self.smoother.weight;
            recur(1.0 - weight, weight, &mut state, &values[seeded..], &mut output[seeded..]);
        }
    }
}

/// Linearly weighted moving average: the newest value weighs `period`, the oldest one.
#[derive(Clone, Debug)]
pub struct Wma {
    ring: Ring,
    updates: usize,
    sum: f64,
    weighted: f64,
}

impl Wma {
    /// An average over `period` values.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let ring = Ring::new(period_from(1, "period", period)?);
        Ok(Self { ring, updates: 0, sum: 0.0, weighted: 0.0 })
    }
}

impl Indicator<1, 1> for Wma {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 1] {
        let n = self.ring.period() as f64;
        self.updates += 1;
        if let Some(old) = self.ring.push(value) {
            self.weighted += n * value - self.sum;
            self.sum += value - old;
            if self.updates.is_multiple_of(RESUM_EVERY) && self.sum.is_finite() {
                self.sum = self.ring.iter().sum();
                let weights = 1..=self.ring.period();
                self.weighted = self.ring.iter().zip(weights).map(|(x, w)| x * w as f64).sum();
            }
        } else {
            self.sum += value;
            self.weighted += value * self.updates as f64;
            if !self.ring.is_full() {
                return [f64::NAN];
            }
        }
        [self.weighted / (n * (n + 1.0) / 2.0)]
    }

    fn warm_up(&self) -> usize {
        self.ring.period()
    }
}

/// Double exponential moving average: `2 e - e(e)`.
#[derive(Clone, Debug)]
pub struct Dema([Ema; 2]);

impl Dema {
    /// An average with the weight of `period` values.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let ema = Ema::new(period)?;
        Ok(Self([ema.clone(), ema]))
    }
}

impl Indicator<1, 1> for Dema {
    #[inline]
    fn update(&mut self, value: [f64; 1]) -> [f64; 1] {
        let [first, second] = &mut self.0;
        let [e1] = first.update(value);
        let [e2] = chain(e1, |e| second.update([e]));
        [2.0 * e1 - e2]
    }

    fn warm_up(&self) -> usize {
        2 * self.0[0].warm_up() - 1
    }
}

/// Triple exponential moving average: `3 e - 3 e(e) + e(e(e))`.
#[derive(Clone, Debug)]
pub struct Tema([Ema; 3]);

impl Tema {
    /// An average with the weight of `period` values.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let ema = Ema::new(period)?;
        Ok(Self([ema.clone(), ema.clone(), ema]))
    }
}

impl Indicator<1, 1> for Tema {
    #[inline]
    fn update(&mut self, value: [f64; 1]) -> [f64; 1] {
        let [first, second, third] = &mut self.0;
        let [e1] = first.update(value);
        let [e2] = chain(e1, |e| second.update([e]));
        let [e3] = chain(e2, |e| third.update([e]));
        [3.0 * e1 - 3.0 * e2 + e3]
    }

    fn warm_up(&self) -> usize {
        3 * self.0[0].warm_up() - 2
    }
}

/// Hull moving average: a short weighted average of twice the fast less the slow one.
#[derive(Clone, Debug)]
pub struct Hma {
    fast: Wma,
    slow: Wma,
    smooth: Wma,
}

impl Hma {
    /// An average over about `period` values (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let period = period_from(2, "period", period)?;
        let fast = Wma::new(period / 2)?;
        Ok(Self { fast, slow: Wma::new(period)?, smooth: Wma::new(period.isqrt())? })
    }
}

impl Indicator<1, 1> for Hma {
    #[inline]
    fn update(&mut self, value: [f64; 1]) -> [f64; 1] {
        let ([fast], [slow]) = (self.fast.update(value), self.slow.update(value));
        chain(2.0 * fast - slow, |x| self.smooth.update([x]))
    }

    fn warm_up(&self) -> usize {
        self.slow.warm_up() + self.smooth.warm_up() - 1
    }
}

/// Kaufman's adaptive moving average, between the weights of 2 and 30 values.
#[derive(Clone, Debug)]
pub struct Kama {
    ring: Ring,
    changes: RollingSum,
    previous: f64,
    value: f64,
}

impl Kama {
    /// An average whose efficiency is measured over `period` changes (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let period = period_from(2, "period", period)?;
        let (ring, changes) = (Ring::new(period), RollingSum::new(period));
        Ok(Self { ring, changes, previous: f64::NAN, value: f64::NAN })
    }
}

impl Indicator<1, 1> for Kama {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 1] {
        const FASTEST: f64 = 2.0 / 3.0;
        const SLOWEST: f64 = 2.0 / 31.0;
        let previous = std::mem::replace(&mut self.previous, value);
        let old = self.ring.push(value);
        if previous.is_nan() {
            return [f64::NAN];
        }
        let path = self.changes.push((value - previous).abs());
        let Some(old) = old else { return [f64::NAN] };
        let change = (value - old).abs();
        let efficiency = if path <= change || path == 0.0 { 1.0 } else { change / path };
        let weight = (efficiency * (FASTEST - SLOWEST) + SLOWEST).powi(2);
        let from = if self.value.is_nan() { previous } else { self.value };
        self.value = from + weight * (value - from);
        [self.value]
    }

    fn warm_up(&self) -> usize {
        self.ring.period() + 1
    }
}
