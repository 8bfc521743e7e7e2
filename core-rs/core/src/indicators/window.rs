//! The last `n` values: their sum and moments without drift, their extremes without rescans.

use std::collections::VecDeque;

/// Updates after which a running sum is summed anew, so that rounding cannot pile up.
pub(super) const RESUM_EVERY: usize = 1024;

/// A ring of the last `period` values.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    values: Box<[f64]>,
    next: usize,
    full: bool,
}

impl Ring {
    pub(super) fn new(period: usize) -> Self {
        Self { values: vec![0.0; period.max(1)].into_boxed_slice(), next: 0, full: false }
    }

    #[inline]
    pub(super) fn period(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Puts a value in and returns the one that leaves, if the ring was full.
    #[inline]
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        let old = std::mem::replace(&mut self.values[self.next], value);
        let was_full = self.full;
        self.next += 1;
        if self.next == self.values.len() {
            self.next = 0;
            self.full = true;
        }
        was_full.then_some(old)
    }

    /// Values from the oldest on, when full.
    pub(super) fn iter(&self) -> impl Iterator<Item = f64> {
        let (newer, older) = self.values.split_at(self.next);
        older.iter().chain(newer).copied()
    }

    /// The oldest value, when full.
    #[inline]
    pub(super) fn oldest(&self) -> f64 {
        self.values[self.next]
    }
}

/// Sum of the last `period` values.
#[derive(Clone, Debug)]
pub(super) struct RollingSum {
    ring: Ring,
    sum: f64,
    since_resum: usize,
}

impl RollingSum {
    pub(super) fn new(period: usize) -> Self {
        Self { ring: Ring::new(period), sum: 0.0, since_resum: 0 }
    }

    #[inline]
    pub(super) fn period(&self) -> usize {
        self.ring.period()
    }

    /// Adds a value and returns the sum, NaN until there are `period` values.
    #[inline]
    pub(super) fn push(&mut self, value: f64) -> f64 {
        if let Some(old) = self.ring.push(value) {
            self.sum += value - old;
            self.since_resum += 1;
            if self.since_resum == RESUM_EVERY {
                self.resum();
            }
            return self.sum;
        }
        self.sum += value;
        if self.ring.is_full() { self.sum } else { f64::NAN }
    }

    /// A value that is not a number stays in the sum for good, as in TA-Lib.
    #[cold]
    fn resum(&mut self) {
        self.since_resum = 0;
        if self.sum.is_finite() {
            self.sum = self.ring.iter().sum();
        }
    }
}

/// Population variance from the mean of squares and the mean. What is left of values that are all
/// the same is rounding, and its root would not be small.
#[inline]
pub(super) fn variance(mean_square: f64, mean: f64) -> f64 {
    const ROUNDING: f64 = 1e-13;
    let difference = mean_square - mean * mean;
    if difference > mean_square * ROUNDING { difference } else { 0.0 }
}

/// Mean and variance of the last `period` values. Squares are taken around an anchor near the
/// values, or they would drown the variance.
#[derive(Clone, Debug)]
pub(super) struct RollingMoments {
    ring: Ring,
    anchor: f64,
    sum: f64,
    squares: f64,
    since_resum: usize,
}

impl RollingMoments {
    pub(super) fn new(period: usize) -> Self {
        Self { ring: Ring::new(period), anchor: f64::NAN, sum: 0.0, squares: 0.0, since_resum: 0 }
    }

    #[inline]
    pub(super) fn period(&self) -> usize {
        self.ring.period()
    }

    /// Adds a value and returns mean and population variance.
    #[inline]
    pub(super) fn push(&mut self, value: f64) -> (f64, f64) {
        if self.anchor.is_nan() {
            self.anchor = value;
        }
        let new = value - self.anchor;
        if let Some(old) = self.ring.push(value) {
            let old = old - self.anchor;
            self.sum += new - old;
            self.squares += (new - old) * (new + old);
            self.since_resum += 1;
            if self.since_resum == RESUM_EVERY {
                self.resum();
            }
        } else {
            self.sum += new;
            self.squares += new * new;
            if !self.ring.is_full() {
                return (f64::NAN, f64::NAN);
            }
        }
        let n = self.ring.period() as f64;
        let mean = self.sum / n;
        (self.anchor + mean, variance(self.squares / n, mean))
    }

    #[cold]
    fn resum(&mut self) {
        self.since_resum = 0;
        if !self.squares.is_finite() {
            return;
        }
        self.anchor = self.ring.oldest();
        self.sum = self.ring.iter().map(|x| x - self.anchor).sum();
        self.squares = self.ring.iter().map(|x| (x - self.anchor).powi(2)).sum();
    }
}

/// Largest of the last `period` values (feed negated values for the smallest), the most recent
/// one on ties. Each value enters and leaves once, so an update is constant on average.
#[derive(Clone, Debug)]
pub(super) struct RollingMax {
    period: u64,
    seen: u64,
    candidates: VecDeque<(u64, f64)>,
}

impl RollingMax {
    pub(super) fn new(period: usize) -> Self {
        Self { period: period as u64, seen: 0, candidates: VecDeque::with_capacity(period.min(64)) }
    }

    /// Adds a value and returns the largest and its age in updates, NaN while warming up.
    #[inline]
    pub(super) fn push(&mut self, value: f64) -> (f64, u64) {
        self.seen += 1;
        while self.candidates.back().is_some_and(|&(_, other)| other <= value) {
            self.candidates.pop_back();
        }
        self.candidates.push_back((self.seen, value));
        if self.candidates.front().is_some_and(|&(at, _)| at + self.period <= self.seen) {
            self.candidates.pop_front();
        }
        let (at, largest) = self.candidates.front().copied().unwrap_or((self.seen, value));
        if self.seen < self.period { (f64::NAN, 0) } else { (largest, self.seen - at) }
    }
}

/// Highest high and lowest low of the last `period` bars.
#[derive(Clone, Debug)]
pub(super) struct RollingRange {
    high: RollingMax,
    low: RollingMax,
}

impl RollingRange {
    pub(super) fn new(period: usize) -> Self {
        Self { high: RollingMax::new(period), low: RollingMax::new(period) }
    }

    #[inline]
    pub(super) fn push(&mut self, high: f64, low: f64) -> (f64, f64) {
        (self.high.push(high).0, -self.low.push(-low).0)
    }
}

/// An exponential average seeded by the mean of its first `period` values.
#[derive(Clone, Debug)]
pub(super) struct Smoother {
    pub(super) period: usize,
    pub(super) weight: f64,
    count: usize,
    value: f64,
}

impl Smoother {
    /// Weight `2 / (period + 1)`.
    pub(super) fn exponential(period: usize) -> Self {
        Self { period, weight: 2.0 / (period as f64 + 1.0), count: 0, value: 0.0 }
    }

    /// Weight `1 / period`, as Wilder has it.
    pub(super) fn wilder(period: usize) -> Self {
        Self { period, weight: 1.0 / period as f64, count: 0, value: 0.0 }
    }

    #[inline]
    pub(super) fn push(&mut self, value: f64) -> f64 {
        if self.count >= self.period {
            self.value += self.weight * (value - self.value);
            return self.value;
        }
        self.value += value;
        self.count += 1;
        if self.count < self.period {
            return f64::NAN;
        }
        self.value /= self.period as f64;
        self.value
    }
}

impl Smoother {
    /// The average as it is.
    pub(super) fn value(&self) -> f64 {
        self.value
    }

    /// Goes on from here, when a kernel has done the updates in between.
    pub(super) fn set_value(&mut self, value: f64) {
        self.value = value;
    }

    /// True once there is an average.
    pub(super) fn is_seeded(&self) -> bool {
        self.count >= self.period
    }
}
