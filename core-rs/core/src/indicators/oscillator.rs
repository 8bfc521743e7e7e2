//! Oscillators of a price inside its range.

use super::average::Sma;
use super::momentum::Rsi;
use super::scan::{BLOCK, larger, rolling_mean, rolling_pick, smaller};
use super::window::{Ring, RollingMax, RollingRange};
use super::{BadParameter, Indicator, chain, period_from};

/// Where a value is in its range, 0 to 100; 0 when there is no range.
#[inline]
fn position(value: f64, high: f64, low: f64) -> f64 {
    let range = high - low;
    if range == 0.0 { 0.0 } else { 100.0 * ((value - low) / range) }
}

/// Stochastic oscillator: smoothed %K and %D, both from the same update on.
#[derive(Clone, Debug)]
pub struct Stochastic {
    range: RollingRange,
    period: usize,
    slow_k: Sma,
    slow_d: Sma,
}

impl Stochastic {
    /// Periods of the range and of the two simple averages.
    pub fn new(period: usize, slow_k: usize, slow_d: usize) -> Result<Self, BadParameter> {
        let period = period_from(1, "period", period)?;
        let (slow_k, slow_d) = (Sma::new(slow_k)?, Sma::new(slow_d)?);
        Ok(Self { range: RollingRange::new(period), period, slow_k, slow_d })
    }
}

impl Indicator<3, 2> for Stochastic {
    #[inline]
    fn update(&mut self, [high, low, close]: [f64; 3]) -> [f64; 2] {
        let (high, low) = self.range.push(high, low);
        let [k] = chain(position(close, high, low), |fast| self.slow_k.update([fast]));
        let [d] = chain(k, |k| self.slow_d.update([k]));
        if d.is_nan() { [d, d] } else { [k, d] }
    }

    fn warm_up(&self) -> usize {
        self.period + self.slow_k.warm_up() + self.slow_d.warm_up() - 2
    }

    fn batch(self, [high, low, close]: [&[f64]; 3], [k, d]: [&mut [f64]; 2]) {
        let (rows, first) = (close.len(), self.period - 1);
        if rows < self.warm_up() {
            k.fill(f64::NAN);
            d.fill(f64::NAN);
            return;
        }
        // %D's memory holds the fast line until it is smoothed.
        fast_line(high, low, close, self.period, &mut d[first..]);
        rolling_mean(&d[first..], self.slow_k.warm_up(), &mut k[first..]);
        let smoothed = first + self.slow_k.warm_up() - 1;
        rolling_mean(&k[smoothed..], self.slow_d.warm_up(), &mut d[smoothed..]);
        let warm = self.warm_up() - 1;
        k[..warm].fill(f64::NAN);
        d[..warm].fill(f64::NAN);
    }
}

/// Positions in the range from the first whole period on.
fn fast_line(high: &[f64], low: &[f64], close: &[f64], period: usize, output: &mut [f64]) {
    let block = BLOCK.max(4 * period);
    let (mut highs, mut lows) = (vec![0.0; block + period - 1], vec![0.0; block + period - 1]);
    let rows_total = output.len();
    for from in (0..rows_total).step_by(block) {
        let rows = block.min(rows_total - from);
        let span = rows + period - 1;
        rolling_pick(&high[from..from + span], period, &mut highs[..span], larger);
        rolling_pick(&low[from..from + span], period, &mut lows[..span], smaller);
        let ranges = highs[period - 1..span].iter().zip(&lows[period - 1..span]);
        let closes = &close[from + period - 1..from + span];
        let out = output[from..from + rows].iter_mut();
        for ((out, close), (high, low)) in out.zip(closes).zip(ranges) {
            *out = position(*close, *high, *low);
        }
    }
}

/// Stochastic of the relative strength index: fast %K and %D.
#[derive(Clone, Debug)]
pub struct StochasticRsi {
    rsi: Rsi,
    range: RollingRange,
    period: usize,
    d: Sma,
}

impl StochasticRsi {
    /// Periods of the index, of its range and of the average of %K.
    pub fn new(period: usize, fast_k: usize, fast_d: usize) -> Result<Self, BadParameter> {
        let fast_k = period_from(1, "fast K period", fast_k)?;
        let (rsi, range) = (Rsi::new(period)?, RollingRange::new(fast_k));
        Ok(Self { rsi, range, period: fast_k, d: Sma::new(fast_d)? })
    }
}

impl Indicator<1, 2> for StochasticRsi {
    #[inline]
    fn update(&mut self, value: [f64; 1]) -> [f64; 2] {
        let [rsi] = self.rsi.update(value);
        chain(rsi, |rsi| {
            let (high, low) = self.range.push(rsi, rsi);
            let k = position(rsi, high, low);
            let [d] = chain(k, |k| self.d.update([k]));
            if d.is_nan() { [d, d] } else { [k, d] }
        })
    }

    fn warm_up(&self) -> usize {
        self.rsi.warm_up() + self.period + self.d.warm_up() - 2
    }
}

/// Williams %R, -100 to 0; 0 when there is no range.
#[derive(Clone, Debug)]
pub struct WilliamsR {
    range: RollingRange,
    period: usize,
}

impl WilliamsR {
    /// A range over `period` bars (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let period = period_from(2, "period", period)?;
        Ok(Self { range: RollingRange::new(period), period })
    }
}

impl Indicator<3, 1> for WilliamsR {
    #[inline]
    fn update(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let (high, low) = self.range.push(high, low);
        let range = high - low;
        [if range == 0.0 { 0.0 } else { (high - close) / range * -100.0 }]
    }

    fn warm_up(&self) -> usize {
        self.period
    }
}

/// Commodity channel index of the typical price.
#[derive(Clone, Debug)]
pub struct Cci(Ring);

impl Cci {
    /// An index over `period` bars (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        Ok(Self(Ring::new(period_from(2, "period", period)?)))
    }
}

impl Indicator<3, 1> for Cci {
    #[inline]
    fn update(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let typical = (high + low + close) / 3.0;
        self.0.push(typical);
        if !self.0.is_full() {
            return [f64::NAN];
        }
        let n = self.0.period() as f64;
        let mean = self.0.iter().sum::<f64>() / n;
        let deviation = self.0.iter().map(|x| (x - mean).abs()).sum::<f64>() / n;
        let distance = typical - mean;
        let flat = distance == 0.0 || deviation == 0.0;
        [if flat { 0.0 } else { distance / (0.015 * deviation) }]
    }

    fn warm_up(&self) -> usize {
        self.0.period()
    }
}

/// Aroon down and up: how recent the lowest low and the highest high are, 0 to 100.
#[derive(Clone, Debug)]
pub struct Aroon {
    period: usize,
    high: RollingMax,
    low: RollingMax,
}

impl Aroon {
    /// Over `period` bars after the oldest one (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let period = period_from(2, "period", period)?;
        Ok(Self { period, high: RollingMax::new(period + 1), low: RollingMax::new(period + 1) })
    }
}

impl Indicator<2, 2> for Aroon {
    #[inline]
    fn update(&mut self, [high, low]: [f64; 2]) -> [f64; 2] {
        let recent = |(extreme, age): (f64, u64)| {
            if extreme.is_nan() {
                return f64::NAN;
            }
            (100.0 / self.period as f64) * (self.period as f64 - age as f64)
        };
        [recent(self.low.push(-low)), recent(self.high.push(high))]
    }

    fn warm_up(&self) -> usize {
        self.period + 1
    }
}
