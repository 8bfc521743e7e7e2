//! Rates of change and oscillators of one price.

use super::scan::{BLOCK, recur, recur_pair};
use super::window::{Ring, Smoother};
use super::{BadParameter, Indicator, chain, period_from};

/// Wilder's relative strength index, 0 to 100; a flat series gives 0 as in TA-Lib.
#[derive(Clone, Debug)]
pub struct Rsi {
    previous: Option<f64>,
    gain: Smoother,
    loss: Smoother,
}

#[inline]
fn strength(gain: f64, loss: f64) -> f64 {
    let total = gain + loss;
    if total == 0.0 { 0.0 } else { 100.0 * (gain / total) }
}

impl Rsi {
    /// An index over `period` changes (at least two).
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        let smoother = Smoother::wilder(period_from(2, "period", period)?);
        Ok(Self { previous: None, gain: smoother.clone(), loss: smoother })
    }
}

impl Indicator<1, 1> for Rsi {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 1] {
        if self.previous.is_none() && value.is_nan() {
            return [f64::NAN];
        }
        let Some(previous) = self.previous.replace(value) else { return [f64::NAN] };
        let change = value - previous;
        let up = if change > 0.0 { change } else { 0.0 };
        let (gain, loss) = (self.gain.push(up), self.loss.push(up - change));
        [if gain.is_nan() { gain } else { strength(gain, loss) }]
    }

    fn warm_up(&self) -> usize {
        self.gain.period + 1
    }

    fn batch(mut self, [values]: [&[f64]; 1], [output]: [&mut [f64]; 1]) {
        let seeded = (super::leading_nans(values) + self.warm_up()).min(values.len());
        for (value, out) in values[..seeded].iter().zip(output.iter_mut()) {
            [*out] = self.update([*value]);
        }
        let weight = self.gain.weight;
        let mut state = [self.gain.value(), self.loss.value()];
        for from in (seeded..values.len()).step_by(BLOCK) {
            let rows = BLOCK.min(values.len() - from);
            let window = &values[from - 1..from + rows];
            let moves = |at: usize| {
                let change = window[at + 1] - window[at];
                let up = if change > 0.0 { change } else { 0.0 };
                [up, up - change]
            };
            let out = &mut output[from..from + rows];
            recur_pair([weight; 2], &mut state, moves, out, |[gain, loss]| strength(gain, loss));
        }
    }
}

/// Moving average convergence and divergence: line, signal and histogram, all from the same
/// update on. The fast average is seeded with the values just before the slow one's first.
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Smoother,
    slow: Smoother,
    signal: Smoother,
    skipped: usize,
}

impl Macd {
    /// Periods of the fast, slow and signal averages; the fast one must be shorter.
    pub fn new(fast: usize, slow: usize, signal: usize) -> Result<Self, BadParameter> {
        period_from(fast + 1, "slow period", slow)?;
        Ok(Self {
            fast: Smoother::exponential(period_from(2, "fast period", fast)?),
            slow: Smoother::exponential(slow),
            signal: Smoother::exponential(period_from(1, "signal period", signal)?),
            skipped: 0,
        })
    }
}

impl Indicator<1, 3> for Macd {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 3] {
        let slow = self.slow.push(value);
        if self.skipped < self.slow.period - self.fast.period {
            self.skipped += 1;
            return [f64::NAN; 3];
        }
        let line = self.fast.push(value) - slow;
        chain(line, |line| {
            let signal = self.signal.push(line);
            if signal.is_nan() { [f64::NAN; 3] } else { [line, signal, line - signal] }
        })
    }

    fn warm_up(&self) -> usize {
        self.slow.period + self.signal.period - 1
    }

    fn batch(mut self, [values]: [&[f64]; 1], [lines, signals, histograms]: [&mut [f64]; 3]) {
        let seeded = self.warm_up().min(values.len());
        for (row, value) in values[..seeded].iter().enumerate() {
            [lines[row], signals[row], histograms[row]] = self.update([*value]);
        }
        let weights = [&self.fast, &self.slow, &self.signal].map(|s| s.weight);
        let mut state = [&self.fast, &self.slow, &self.signal].map(Smoother::value);
        let (averages, [_, _, signal_weight]) = ([weights[0], weights[1]], weights);
        let mut pair = [state[0], state[1]];
        for from in (seeded..values.len()).step_by(BLOCK) {
            let rows = BLOCK.min(values.len() - from);
            let x = &values[from..from + rows];
            let line = &mut lines[from..from + rows];
            recur_pair(averages, &mut pair, |at| [x[at]; 2], line, |[fast, slow]| fast - slow);
            let signal = &mut signals[from..from + rows];
            recur(1.0 - signal_weight, signal_weight, &mut state[2], line, signal);
            let histogram = &mut histograms[from..from + rows];
            for ((histogram, line), signal) in histogram.iter_mut().zip(line).zip(signal) {
                *histogram = *line - *signal;
            }
        }
    }
}

/// Rate of change in percent over `period` updates.
#[derive(Clone, Debug)]
pub struct Roc(Ring);

impl Roc {
    /// A change over `period` updates.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        Ok(Self(Ring::new(period_from(1, "period", period)?)))
    }
}

impl Indicator<1, 1> for Roc {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 1] {
        let change = |old: f64| if old == 0.0 { 0.0 } else { (value / old - 1.0) * 100.0 };
        [self.0.push(value).map_or(f64::NAN, change)]
    }

    fn warm_up(&self) -> usize {
        self.0.period() + 1
    }
}

/// Difference to the value `period` updates ago.
#[derive(Clone, Debug)]
pub struct Momentum(Ring);

impl Momentum {
    /// A difference over `period` updates.
    pub fn new(period: usize) -> Result<Self, BadParameter> {
        Ok(Self(Ring::new(period_from(1, "period", period)?)))
    }
}

impl Indicator<1, 1> for Momentum {
    #[inline]
    fn update(&mut self, [value]: [f64; 1]) -> [f64; 1] {
        [self.0.push(value).map_or(f64::NAN, |old| value - old)]
    }

    fn warm_up(&self) -> usize {
        self.0.period() + 1
    }
}
