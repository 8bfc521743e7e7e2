//! Technical indicators. Each is one definition of what a value does to the state; arrays go
//! through the same state, or through a kernel of the same recurrence that works on blocks. Those
//! that TA-Lib has follow its conventions, warm-up included. Outputs are NaN while warming up.

/// Simple, exponential, weighted and adaptive averages.
mod average;
/// Bands and channels around a price.
mod channel;
/// Rates of change and oscillators of one price.
mod momentum;
/// Oscillators of a price inside its range.
mod oscillator;
/// Several indicators updated by one call.
mod pipeline;
/// Blocked kernels for whole arrays.
mod scan;
/// Correlation, z-score, realized volatility, imbalance.
mod statistics;
/// Direction and strength of a trend.
mod trend;
/// True range.
mod volatility;
/// Money flow and volume-weighted prices.
mod volume;
/// Rolling sums, moments and extremes.
mod window;

#[cfg(test)]
mod tests;

pub use average::{Dema, Ema, Hma, Kama, Sma, Tema, Wma};
pub use channel::{Bollinger, Donchian, Ichimoku, Keltner};
pub use momentum::{Macd, Momentum, Roc, Rsi};
pub use oscillator::{Aroon, Cci, Stochastic, StochasticRsi, WilliamsR};
pub use pipeline::{Pipeline, Step, make};
pub use statistics::{Beta, BookImbalance, Correlation, RealizedVolatility, ZScore};
pub use trend::{Adx, Dmi, ParabolicSar, SuperTrend};
pub use volatility::Atr;
pub use volume::{Mfi, Obv, RollingVwap, Vwap};

/// A parameter is out of its range; the text says which and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParameter(pub String);

/// Longest period anybody may ask for, so that a typing error cannot take all memory.
pub const PERIOD_MAX: usize = 1_000_000;

/// The period itself when it is in its range.
fn period_from(minimum: usize, name: &str, period: usize) -> Result<usize, BadParameter> {
    if (minimum..=PERIOD_MAX).contains(&period) {
        return Ok(period);
    }
    Err(BadParameter(format!("{name} must be from {minimum} to {PERIOD_MAX}")))
}

/// An indicator of `I` inputs and `O` outputs a step.
pub trait Indicator<const I: usize, const O: usize>: Clone + Send {
    /// Takes the next inputs and returns the new outputs.
    fn update(&mut self, input: [f64; I]) -> [f64; O];

    /// Updates until every output has a value.
    fn warm_up(&self) -> usize;

    /// Outputs for whole columns of one length, from a fresh state.
    fn batch(mut self, inputs: [&[f64]; I], outputs: [&mut [f64]; O]) {
        let rows = inputs.iter().map(|column| column.len()).min().unwrap_or(0);
        let mut outputs = outputs;
        for row in 0..rows {
            let values = self.update(std::array::from_fn(|k| inputs[k][row]));
            for (column, value) in outputs.iter_mut().zip(values) {
                column[row] = value;
            }
        }
    }
}

/// Feeds an indicator from the output of another, which has none while it warms up.
#[inline]
fn chain<const O: usize>(value: f64, next: impl FnOnce(f64) -> [f64; O]) -> [f64; O] {
    if value.is_nan() { [f64::NAN; O] } else { next(value) }
}

/// First index with a value: leading NaN are as good as not there.
fn leading_nans(values: &[f64]) -> usize {
    values.iter().position(|value| !value.is_nan()).unwrap_or(values.len())
}
