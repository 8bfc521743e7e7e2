//! Technical indicators. Each is one definition used for single values and for whole arrays;
//! those that TA-Lib has follow its conventions, warm-up included.

mod average;
mod range;
mod strength;
mod window;

pub use average::{Ema, Sma};
pub use range::{Atr, Bar};
pub use strength::Rsi;

/// An indicator with one output.
pub trait Indicator {
    /// What one update takes.
    type Input: Copy;

    /// Takes the next value and returns the new output, NaN while warming up.
    fn update(&mut self, input: Self::Input) -> f64;

    /// Number of inputs before the first output that is not NaN, plus one.
    fn warm_up(&self) -> usize;

    /// Forgets everything.
    fn reset(&mut self);
}
